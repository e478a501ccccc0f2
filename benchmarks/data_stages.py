"""Speed of the data stages on real datasets: python -m benchmarks.data_stages COMMAND --help

chain    seconds of each stage, milliseconds a formula, the largest process
append   what a thousand more formulas cost, and which parts they make anew
kill     SIGKILL at random moments, then the same bytes as without
ways     the same bytes with one worker, with two, and through Snakemake
Each works in a throw-away project made of this repository's params.yaml.
"""

import gzip
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Annotated

import psutil
import typer
import yaml

from benchmarks.harness import save
from pipeline.paths import ROOT

STAGES = ("normalize", "render", "tokenize", "filter", "bucket")
_TICK = 0.2

File = Annotated[Path, typer.Argument(help="formulas, as .jsonl.gz")]
app = typer.Typer(help=__doc__, add_completion=False, pretty_exceptions_enable=False)


@app.command()
def chain(file: File, count: int = 100_000, rasterizer: str = "ghostscript", name: str = "") -> None:
    """Raw formulas to shards, stage by stage."""
    with _project(file, count, rasterizer) as folder:
        stages = {stage: _timed(folder, stage) for stage in STAGES}
        total = sum(stage["seconds"] for stage in stages.values())
        ledgers = {stage: json.loads((folder / f"reports/ledger/{stage}.json").read_text()) for stage in STAGES}
        seen = ledgers["normalize"]["seen"]
        save(
            f"data-stages-chain-{rasterizer}-{name or seen}",
            {
                "formulas": seen,
                "samples": ledgers["bucket"]["kept"],
                "seconds": total,
                "ms_per_formula": 1000 * total / seen,
                "peak_process_mb": max(stage["peak_process_mb"] for stage in stages.values()),
                "stages": stages,
                "efficiency": json.loads((folder / "data/bucket/dataset.json").read_text())["efficiency"],
            },
        )


@app.command()
def append(file: File, count: int = 100_000, more: int = 1000, rasterizer: str = "pdfium") -> None:
    """Run on `count` formulas, append `more`, run again."""
    with _project(file, count, rasterizer) as folder:
        before = {stage: _timed(folder, stage)["seconds"] for stage in STAGES}
        parts = _parts(folder)
        _write_dataset(file, count + more, folder)
        after = {stage: _timed(folder, stage)["seconds"] for stage in STAGES}
        new = [name.split("/")[0] for name in _parts(folder).keys() - parts.keys()]
        save(
            "data-stages-append",
            {
                "formulas": count,
                "appended": more,
                "seconds_before": before,
                "seconds_after": after,
                "parts_before": len(parts),
                "new_parts": {stage: new.count(stage) for stage in ("normalize", "render")},
            },
        )


@app.command()
def kill(file: File, count: int = 20_000, times: int = 20, seed: int = 0, rasterizer: str = "pdfium") -> None:
    """Kill normalize and render `times` times between them, and compare with a run in peace; exit 1 on a difference."""
    chance = random.Random(seed)
    with _project(file, count, rasterizer) as peace:
        for stage in STAGES:
            _timed(peace, stage)
        expected = _artifacts(peace)
    with _project(file, count, rasterizer) as folder:
        killed = 0
        for stage in ("normalize", "render"):
            while killed < times // 2 * (1 + (stage == "render")):
                child = _start(folder, stage)
                with suppress(subprocess.TimeoutExpired):
                    child.wait(chance.uniform(0.5, 4))
                if child.poll() is None:
                    os.killpg(child.pid, signal.SIGKILL)
                    child.wait()
                    killed += 1
                else:  # it came to its end between two kills: take away what it made, so that there is work again
                    _forget_half(folder, stage, chance)
            _timed(folder, stage)
        for stage in STAGES[2:]:
            _timed(folder, stage)
        differing = _differing(expected, _artifacts(folder))
    save("data-stages-kill", {"formulas": count, "killed": killed, "artifacts": len(expected), "differing": differing})
    raise typer.Exit(bool(differing))


@app.command()
def ways(file: File, count: int = 10_000, rasterizer: str = "pdfium") -> None:
    """Compare every artifact of the data stages, however the parts were computed; exit 1 on a difference."""
    found: dict[str, dict[str, str]] = {}
    for way in ("1 worker", "2 workers", "snakemake"):
        with _project(file, count, rasterizer) as folder:
            if way == "snakemake":
                gather = f"gather={sys.executable} -m pipeline.normalize"
                snakefile = str(ROOT / "pipeline" / "Snakefile")
                command = [sys.executable, "-m", "snakemake", "-s", snakefile, "--cores", "2", "--config", gather]
                subprocess.run(command, cwd=folder, env=_environment(folder), check=True, capture_output=True)
            for stage in STAGES:
                _timed(folder, stage, "1" if way == "1 worker" else "2")
            found[way] = _artifacts(folder)
    first = found["1 worker"]
    differing = {way: _differing(first, artifacts) for way, artifacts in found.items()}
    save("data-stages-ways", {"formulas": count, "artifacts": len(first), "differing": differing})
    raise typer.Exit(any(differing.values()))


@contextmanager
def _project(file: Path, count: int, rasterizer: str) -> Iterator[Path]:
    """A folder with params.yaml and the first `count` formulas as its dataset."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        params["dataset"] = "bench"
        params["render"]["renderer"]["rasterizer"] = rasterizer
        params["tokenize"]["vocabulary"]["min_frequency"] = 5
        (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
        for path in ("custom", "tools.lock"):
            (folder / path).symlink_to(ROOT / path)
        _write_dataset(file, count, folder)
        yield folder


def _write_dataset(file: Path, count: int, folder: Path) -> None:
    dataset = folder / "data" / "raw" / "bench"
    dataset.mkdir(parents=True, exist_ok=True)
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        (dataset / "formulas.jsonl").write_text("".join(islice(lines, count)), encoding="utf-8")


def _environment(folder: Path, workers: str = "2") -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "IM2LATEX_CACHE": str(folder / "cache"), "IM2LATEX_WORKERS": workers}


def _start(folder: Path, stage: str, workers: str = "2") -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", f"pipeline.{stage}"],
        cwd=folder,
        env=_environment(folder, workers),
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )


def _timed(folder: Path, stage: str, workers: str = "2") -> dict[str, float]:
    """Run a stage; its seconds, and the most memory that one of its processes had, looked at five times a second."""
    started = time.monotonic()
    child = _start(folder, stage, workers)
    watched = psutil.Process(child.pid)
    peak = 0
    while child.poll() is None:
        with suppress(psutil.Error):
            for process in (watched, *watched.children(recursive=True)):
                with suppress(psutil.Error):
                    peak = max(peak, process.memory_info().rss)
        time.sleep(_TICK)
    if child.returncode:
        raise RuntimeError(f"{stage} failed with status {child.returncode}")
    return {"seconds": time.monotonic() - started, "peak_process_mb": peak / (1 << 20)}


def _parts(folder: Path) -> dict[str, Path]:
    return {f"{path.parent.name}/{path.name}": path for path in (folder / "cache" / "parts").glob("*/*.parquet")}


def _artifacts(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of the data stages."""
    places = [path for stage in STAGES for path in (folder / "data" / stage).rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in places}


def _differing(first: dict[str, str], second: dict[str, str]) -> list[str]:
    return sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))


def _forget_half(folder: Path, stage: str, chance: random.Random) -> None:
    for name, path in sorted(_parts(folder).items()):
        if name.startswith(f"{stage}/") and chance.random() < 0.5:
            path.unlink()


if __name__ == "__main__":
    app()
