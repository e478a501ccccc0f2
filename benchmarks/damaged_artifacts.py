"""Cost and handling of damaged or hostile files: python -m benchmarks.damaged_artifacts COMMAND --help

parts    random corruption of a cached part, and how often it is accepted
state    random corruption of a training state, and how often it is accepted
bombs    small files that expand to large ones: seconds and memory of the command that reads them
files    corrupted files of every format that a command reads, and the tracebacks
"""

import gzip
import io
import json
import os
import random
import resource
import sys
import tarfile
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq
import torch
import typer

from benchmarks.harness import save
from im2latex.cli import main as command_line
from im2latex.config import check
from im2latex.dataset.readers.layouts import read_raw_formulas
from im2latex.dataset.vocabulary import SPECIALS, Vocabulary
from im2latex.errors import ArtifactError, Im2LatexError
from im2latex.io.manifest import write_manifest
from im2latex.models.model import ModelParams, Network
from im2latex.models.presets import load_preset
from im2latex.parallel.part_cache import Job, PartCache
from im2latex.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from im2latex.training.loggers import MetricsLog
from im2latex.training.state import TrainingState, read_state
from im2latex.types import Shape

FORMULAS = [rf"\frac{{x_{{{number}}}}}{{y^{number}}} + \alpha \leq {number}" for number in range(200)]
app = typer.Typer(help=__doc__, add_completion=False, pretty_exceptions_enable=False)


def corrupt(content: bytes, rng: random.Random) -> bytes:
    """A copy with one random corruption at a random position; never equal to the content."""
    position = rng.randrange(max(1, len(content)))
    length = rng.choice([1, 2, 8, 64, 512])
    corruptions: list[Callable[[], bytes]] = [
        lambda: content[:position] + bytes([content[position] ^ 1 << rng.randrange(8)]) + content[position + 1 :],
        lambda: content[:position] + bytes([rng.randrange(256)]) + content[position + 1 :],
        lambda: content[:position] + rng.randbytes(length) + content[position + length :],
        lambda: content[:position] + bytes(length) + content[position + length :],
        lambda: content[:position],
        lambda: content[:position] + content[position + length :],
        lambda: content[:position] + rng.randbytes(length) + content[position:],
        lambda: content[:position] + rng.choice(_UNUSUAL_BYTES) + content[position:],
    ]
    while (found := rng.choice(corruptions)()) == content:
        position = rng.randrange(len(content))
    return found


_UNUSUAL_BYTES = [
    b"[" * 5000,
    b"9" * 5000,
    b"NaN",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\0",
    b"\r",
    b"\\",
    b"{",
    b'"',
]


@app.command()
def parts(count: int = 1200, seed: int = 0) -> None:
    """Corrupt a cached part."""

    def compute(part: Sequence[str]) -> pa.Table:
        return pa.table({"latex": list(part), "image": [bytes(range(256)) * 4] * len(part)})

    rng = random.Random(seed)
    accepted = 0
    with tempfile.TemporaryDirectory() as name, redirect_stderr(io.StringIO()):
        job = Job(FORMULAS, compute, PartCache(Path(name), "damage", {}))
        whole = job.compute().read_bytes()
        for number in range(count):
            footer = number % 3 == 0  # the Parquet footer, which has no checksum of its own
            cut = len(whole) - 2000 if footer else 0
            job.path.write_bytes(whole[:cut] + corrupt(whole[cut:], rng))
            accepted += job.compute().read_bytes() != whole
    save("damaged-artifacts-parts", {"bytes": len(whole), "damages": count, "accepted": accepted})


@app.command()
def state(count: int = 1200, seed: int = 0) -> None:
    """Corrupt a training state."""
    rng = random.Random(seed)
    accepted = 0
    with tempfile.TemporaryDirectory() as name:
        model, network = _model()
        optimizer = torch.optim.AdamW(network.parameters())
        TrainingState(network, Network(model, 12), [optimizer]).save(Path(name), "run")
        path = Path(name) / "state.pt"
        whole = path.read_bytes()
        for _ in range(count):
            path.write_bytes(corrupt(whole, rng))
            try:
                read_state(path)
                accepted += 1
            except ArtifactError:
                pass
    save("damaged-artifacts-state", {"bytes": len(whole), "damages": count, "accepted": accepted})


@app.command()
def bombs() -> None:
    """Run the command for each file in a new process."""
    results: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for what, path, arguments in _bombs(folder):
            size = path.stat().st_size
            started = time.monotonic()
            child = os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, "-m", "im2latex", *arguments])
            _, status, usage = os.wait4(child, 0)
            results[what] = {
                "bytes": size,
                "exit_code": os.waitstatus_to_exitcode(status),
                "seconds": round(time.monotonic() - started, 1),
                "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
                "peak_mb": usage.ru_maxrss // 1024,
            }
    save("damaged-artifacts-bombs", results)


def _bombs(folder: Path) -> Iterator[tuple[str, Path, list[str]]]:
    """Name, file and command line of each."""
    out = ["-o", str(folder / "out.jsonl")]
    zeros = bytes(19_000_000)
    for what, suffix, member, copies in (("zeros", ".tex", zeros, 140), ("figures of zeros", ".png", zeros, 140)):
        path = folder / f"{suffix[1:]}.tar.gz"
        yield what, path, ["extract", str(_tar(path, suffix, member, copies)), *out]
    path = folder / "sparse.tar.gz"
    yield "sparse members", path, ["extract", str(_sparse(path, 110)), *out]
    path = folder / "members.tar.gz"
    yield "a million members", path, ["extract", str(_tar(path, ".png", b"", 1_000_000)), *out]
    path = folder / "source.gz"
    path.write_bytes(gzip.compress(bytes(10_000_000)) * 100)
    yield "one source of zeros", path, ["extract", str(path), *out]
    path = folder / "formulas.txt.gz"
    path.write_bytes(gzip.compress(b"x" * 10_000_000) * 100)
    yield "one formula of a billion letters", path, ["normalize", str(path)]
    save_model(folder / "model")
    path = folder / "model" / "checkpoint.json"
    content = json.loads(path.read_text())
    content["model"]["decoder"]["layers"] = 10**9
    path.write_text(json.dumps(content))
    yield "a billion layers", path, ["predict", "examples/image.png", "--checkpoint", str(path.parent)]


def _tar(path: Path, suffix: str, content: bytes, copies: int) -> Path:
    """An archive with copies of one file; compressed once, since gzip members can be concatenated."""
    many = 1 if content else 10_000
    info = tarfile.TarInfo(f"a{suffix}")
    info.size = len(content)
    block = info.tobuf(tarfile.GNU_FORMAT) + content + bytes(-len(content) % tarfile.BLOCKSIZE)
    path.write_bytes(gzip.compress(block * many) * (copies // many))
    return path


def _sparse(path: Path, copies: int) -> Path:
    """Sparse members: headers of 512 bytes for 19 million zeros each."""
    blocks = []
    for number in range(copies):
        info = tarfile.TarInfo(f"{number}.tex")
        info.type = tarfile.GNUTYPE_SPARSE
        header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
        header[386:410] = b"%011o\0%011o\0" % (19_000_000, 0)
        header[483:495] = b"%011o\0" % 19_000_000
        header[148:156] = b"%06o\0 " % (256 + sum(header) - sum(header[148:156]))
        blocks.append(bytes(header))
    path.write_bytes(gzip.compress(b"".join(blocks) + bytes(1024)))
    return path


def _model() -> tuple[ModelParams, Network]:
    params = load_preset("fast-small")["model"]
    params["encoder"] |= {"channels": [8, 8, 8], "features": 32, "heads": 2, "layers": 1}
    params["decoder"] |= {"features": 32, "heads": 2, "layers": 1}
    model = check(params, ModelParams, "model")
    return model, Network(model, 12)


def save_model(folder: Path) -> Path:
    """Write a small checkpoint."""
    model, network = _model()
    vocabulary = Vocabulary([*SPECIALS, *"abcdefgh"])
    save_checkpoint(Checkpoint(network, model, vocabulary, [Shape(32, 64, 8)], "a", {}, {"samples": 1}), folder)
    return folder


@app.command()
def files(count: int = 3000, seed: int = 0) -> None:
    """Corrupt files of every format once or several times, and read them as the commands do."""
    rng = random.Random(seed)
    tracebacks: Counter[str] = Counter()
    tried: Counter[str] = Counter()
    slowest = ("", 0.0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kinds = [(what, path, path.read_bytes(), read) for what, path, read in _kinds(folder)]
        for number in range(count):
            what, path, whole, read = kinds[number % len(kinds)]
            content = whole
            for _ in range(rng.choice([1, 1, 1, 2, 5, 20])):
                content = corrupt(content or whole, rng)
            path.write_bytes(content)
            started = time.monotonic()
            try:
                with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                    read()
            except Im2LatexError:
                pass
            except Exception as error:  # noqa: BLE001 a user would see a traceback
                tracebacks[f"{what}: {type(error).__name__} {traceback.extract_tb(error.__traceback__)[-1]}"] += 1
            slowest = max(slowest, (what, time.monotonic() - started), key=lambda one: one[1])
            tried[what] += 1
            path.write_bytes(whole)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    summary = {"damages": tried.total(), "kinds": dict(tried), "tracebacks": dict(tracebacks)}
    save("damaged-artifacts-files", summary | {"slowest": slowest[0], "slowest_seconds": slowest[1], "peak_mb": peak})


def _kinds(folder: Path) -> Iterator[tuple[str, Path, Callable[[], object]]]:
    """Every format: name, valid file, and function that reads it."""
    out = folder / "out"
    out.mkdir()
    texts = {
        "txt": "\n".join(FORMULAS),
        "jsonl": "\n".join(json.dumps({"formula": one, "id": one[:9], "group": "g"}) for one in FORMULAS),
        "csv": "id,formula,split\n" + "\n".join(f'{at},"{one}",train' for at, one in enumerate(FORMULAS)),
        "lines": "\n".join(FORMULAS),
    }
    for kind, text in texts.items():
        for end, pack in (("", bytes), (".gz", gzip.compress)):
            path = folder / f"{kind}.{kind}{end}"
            path.write_bytes(pack(text.encode()))
            yield path.name, path, _rows(path)
    path = folder / "a.parquet"
    image = pa.array([{"bytes": b"png", "path": one} for one in FORMULAS])
    pq.write_table(pa.table({"formula": FORMULAS, "id": FORMULAS, "image": image}), path, row_group_size=50)
    yield path.name, path, _rows(path)
    yield "inspect", path, _command("inspect", path)
    yield "normalize", path, _command("normalize", path, "--json")
    yield "score", path, _command("score", path, path)
    layouts = {
        "im2latex_formulas.lst": "\n".join(FORMULAS),
        "im2latex_train.lst": "\n".join(f"{number} image{number} basic" for number in range(200)),
        "NAME2ID.json": json.dumps({f"{number}.png": number for number in range(200)}),
        "ID2FORMULA.json": json.dumps(dict(enumerate(FORMULAS))),
    }
    for number, (one, text) in enumerate(layouts.items()):
        dataset = folder / f"layout{number // 2}"
        dataset.mkdir(exist_ok=True)
        (dataset / one).write_text(text)
    for number, one in enumerate(layouts):
        dataset = folder / f"layout{number // 2}"
        yield one, dataset / one, _rows(dataset)
    paper = r"\documentclass{article}\newcommand{\R}[1]{\mathbb{R}^{#1}}\begin{document}" + "\n"
    paper += "\n".join(f"Text $x_{{{at}}} \\in \\R{{{at}}}$ % note\n\\[{one}\\]" for at, one in enumerate(FORMULAS))
    path = folder / "paper.tex"
    path.write_text(paper + r"\end{document}")
    yield path.name, path, _command("extract", path, "-o", out / "a.jsonl", "--rejects", out / "r.jsonl")
    for suffix in (".tar", ".tar.gz"):
        path = folder / f"papers{suffix}"
        with tarfile.open(path, "w:gz") if suffix == ".tar.gz" else tarfile.open(path, "w:") as archive:
            for number in range(3):
                archive.add(folder / "paper.tex", f"p{number}/main.tex")
        yield path.name, path, _command("extract", path, "-o", out / "b.jsonl")
    path = folder / "paper.gz"
    path.write_bytes(gzip.compress(paper.encode()))
    yield path.name, path, _command("extract", path, "-o", out / "c.jsonl")
    path = folder / "macros.tex"
    path.write_text("\\newcommand{\\R}[1]{\\mathbb{R}^{#1}}\n\\def\\half{\\frac12}\n" * 20)
    yield path.name, path, _command("extract", folder / "paper.tex", "-o", out / "d.jsonl", "--macros", path)
    vocabulary = folder / "vocabulary.json"
    Vocabulary([*SPECIALS, *"abc"], {"a": 3}, {"x": "a"}).save(vocabulary)
    yield vocabulary.name, vocabulary, _command("vocab", "show", vocabulary)
    model = save_model(folder / "model")
    for one in ("checkpoint.json", "model.safetensors"):
        yield one, model / one, lambda: load_checkpoint(model)
    log = folder / "log.jsonl"
    MetricsLog(log).add([{"samples": number, "val_loss": 1.0} for number in range(50)])
    yield log.name, log, lambda: MetricsLog(log)
    project = folder / "project"
    (project / "data").mkdir(parents=True)
    (project / "data" / "x.json").write_text("{}")
    manifest = project / "reports" / "manifest" / "x.json"
    write_manifest(manifest, [project / "data"], {})
    yield "manifest", manifest, _command("verify", inside=project)


def _rows(path: Path) -> Callable[[], object]:
    return lambda: [f"{row}".encode() for row in read_raw_formulas(path)]


def _command(*words: object, inside: Path | None = None) -> Callable[[], object]:
    """A call of the command line; its exit status is ignored."""

    def run() -> None:
        here = Path.cwd()
        os.chdir(inside or here)
        try:
            with patch.object(sys, "argv", ["im2latex", *map(str, words)]):
                command_line()
        except SystemExit:
            pass
        finally:
            os.chdir(here)

    return run


if __name__ == "__main__":
    os.environ.setdefault("IM2LATEX_WORKERS", "1")
    app()
