"""Speed of the data stages on real datasets: python -m benchmarks.data_stages COMMAND --help

chain       seconds of each stage, milliseconds per formula, peak memory
append      cost of a thousand more formulas, and the parts that are recomputed
kill        SIGKILL at random moments; compares the bytes with an undisturbed run
executors   compares the bytes of one worker, two workers and Snakemake
jobs        cost of Snakemake with 1, 4 and 16 jobs at once, and the bytes that they read and write

Each command works in a temporary project with the params.yaml of this repository.
"""

import gzip
import hashlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
import yaml

from benchmarks.harness import save
from pipeline.paths import ROOT

STAGES = ("normalize", "render", "tokenize", "filter", "bucket")
DATASET = "bench"
JOBS = (1, 4, 16)
_SAMPLE_SECONDS = 0.2

File = Annotated[Path, typer.Argument(help="formulas, as .jsonl.gz")]
app = typer.Typer(help=__doc__, add_completion=False, pretty_exceptions_enable=False)


@app.command()
def chain(file: File, count: int = 100_000, rasterizer: str = "ghostscript", name: str = "") -> None:
    """Run all data stages, from raw formulas to shards."""
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
        _write_first(file, count + more, folder)
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
    """Kill normalize and render `times` times in all, and compare with an undisturbed run; exit 1 on a difference."""
    rng = random.Random(seed)
    with _project(file, count, rasterizer) as undisturbed:
        for stage in STAGES:
            _timed(undisturbed, stage)
        expected = _artifacts(undisturbed)
    with _project(file, count, rasterizer) as folder:
        killed = 0
        for stage in ("normalize", "render"):
            while killed < times // 2 * (1 + (stage == "render")):
                child = _start(folder, stage)
                with suppress(subprocess.TimeoutExpired):
                    child.wait(rng.uniform(0.5, 4))
                if child.poll() is None:
                    os.killpg(child.pid, signal.SIGKILL)
                    child.wait()
                    killed += 1
                else:  # it finished before the kill: remove parts, so that there is work left
                    _remove_half(folder, stage, rng)
            _timed(folder, stage)
        for stage in STAGES[2:]:
            _timed(folder, stage)
        differing = _differing(expected, _artifacts(folder))
    save("data-stages-kill", {"formulas": count, "killed": killed, "artifacts": len(expected), "differing": differing})
    raise typer.Exit(bool(differing))


@app.command()
def executors(file: File, count: int = 10_000, rasterizer: str = "pdfium") -> None:
    """Compare every artifact between one worker, two workers and Snakemake; exit 1 on a difference."""
    found: dict[str, dict[str, str]] = {}
    for executor in ("1 worker", "2 workers", "snakemake"):
        with _project(file, count, rasterizer) as folder:
            if executor == "snakemake":
                _snakemake(folder, 2)
            for stage in STAGES:
                _timed(folder, stage, "1" if executor == "1 worker" else "2")
            found[executor] = _artifacts(folder)
    first = found["1 worker"]
    differing = {executor: _differing(first, artifacts) for executor, artifacts in found.items()}
    save("data-stages-executors", {"formulas": count, "artifacts": len(first), "differing": differing})
    raise typer.Exit(any(differing.values()))


@app.command()
def jobs(file: File, count: int = 20_000, rasterizer: str = "pdfium") -> None:
    """Run the parts of normalize and render as 1, 4 and 16 jobs at once on this machine, each job a process.

    Exit 1 where a result differs.
    """
    rows: dict[str, dict[str, float]] = {}
    found: dict[str, dict[str, str]] = {}
    for at_once in JOBS:
        with _project(file, count, rasterizer) as folder:
            started, before = time.monotonic(), _children_cpu_seconds()
            _snakemake(folder, at_once)
            seconds, cpu_seconds = time.monotonic() - started, _children_cpu_seconds() - before
            parts = _parts(folder)
            found[str(at_once)] = {name: _sha256(path) for name, path in parts.items()}
            _timed(folder, "normalize")
            rows[str(at_once)] = {
                "seconds": seconds,
                "cpu_seconds": cpu_seconds,
                "parts": len(parts),
                "input_mb": _input_bytes(folder) / (1 << 20),
                "result_mb": sum(path.stat().st_size for path in parts.values()) / (1 << 20),
            }
    first = found[str(JOBS[0])]
    differing = {at_once: _differing(first, results) for at_once, results in found.items()}
    save("data-stages-jobs", {"formulas": count, "jobs_at_once": rows, "differing": differing})
    raise typer.Exit(any(differing.values()))


def _snakemake(folder: Path, at_once: int) -> None:
    """Compute all parts, `at_once` jobs at a time."""
    snakefile = str(ROOT / "workflow" / "Snakefile")
    command = [sys.executable, "-m", "snakemake", "-s", snakefile, "--cores", str(at_once)]
    subprocess.run(command, cwd=folder, env=_environment(folder), check=True, capture_output=True)


def _children_cpu_seconds() -> float:
    """CPU seconds of all processes that this one has waited for, and of theirs."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _input_bytes(folder: Path) -> int:
    """Size of the inputs of all parts; `index` writes those without a result, which in an empty cache are all."""
    with tempfile.TemporaryDirectory() as cache:
        for stage in ("normalize", "render"):
            command = [sys.executable, "-m", "pipeline.run_part", "index", stage]
            environment = _environment(folder) | {"IM2LATEX_CACHE": cache}
            subprocess.run(command, cwd=folder, env=environment, check=True)
        return sum(path.stat().st_size for path in Path(cache).glob("parts/*/*.json"))


@contextmanager
def _project(file: Path, count: int, rasterizer: str) -> Iterator[Path]:
    """A folder with params.yaml and the first `count` formulas as its dataset."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        params["dataset"] = DATASET
        params["render"]["renderer"]["rasterizer"] = rasterizer
        params["tokenize"]["vocabulary"]["min_frequency"] = 5
        write_project_files(folder, params)
        _write_first(file, count, folder)
        yield folder


def write_project_files(folder: Path, params: Mapping[str, Any]) -> None:
    """Write params.yaml, and link what else a project of its own needs from this repository."""
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    for path in ("custom", "tools.lock"):
        (folder / path).symlink_to(ROOT / path)


def write_dataset(lines: Iterable[str], folder: Path, name: str) -> None:
    """Write lines of JSON as a dataset of the project in `folder`."""
    dataset = folder / "data" / "raw" / name
    dataset.mkdir(parents=True, exist_ok=True)
    (dataset / "formulas.jsonl").write_text("".join(lines), encoding="utf-8")


def _write_first(file: Path, count: int, folder: Path) -> None:
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        write_dataset(islice(lines, count), folder, DATASET)


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
    """Run a stage; returns its seconds and the peak memory of its largest process, sampled five times a second."""
    started = time.monotonic()
    child = _start(folder, stage, workers)
    parent = psutil.Process(child.pid)
    peak = 0
    while child.poll() is None:
        with suppress(psutil.Error):
            for process in (parent, *parent.children(recursive=True)):
                with suppress(psutil.Error):
                    peak = max(peak, process.memory_info().rss)
        time.sleep(_SAMPLE_SECONDS)
    if child.returncode:
        raise RuntimeError(f"{stage} failed with status {child.returncode}")
    return {"seconds": time.monotonic() - started, "peak_process_mb": peak / (1 << 20)}


def _parts(folder: Path) -> dict[str, Path]:
    return {f"{path.parent.name}/{path.name}": path for path in (folder / "cache" / "parts").glob("*/*.parquet")}


def _artifacts(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of the data stages."""
    places = [path for stage in STAGES for path in (folder / "data" / stage).rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): _sha256(path) for path in places}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _differing(first: dict[str, str], second: dict[str, str]) -> list[str]:
    return sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))


def _remove_half(folder: Path, stage: str, rng: random.Random) -> None:
    for name, path in sorted(_parts(folder).items()):
        if name.startswith(f"{stage}/") and rng.random() < 0.5:
            path.unlink()


if __name__ == "__main__":
    app()
