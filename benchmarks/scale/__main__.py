"""Cost of the data stages without drawing: python -m benchmarks.scale COMMAND --help

formulas   distinct formulas, recombined from those of a file
chain      seconds, CPU seconds, memory, disk and files of each data stage
stage      one data stage in the current project; what `chain` runs
"""

import importlib
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from itertools import islice
from pathlib import Path
from typing import Annotated, Any
from unittest.mock import patch

import psutil
import typer
import yaml

from benchmarks.data_stages import DATASET, STAGES
from benchmarks.harness import save
from benchmarks.scale.fakes import replace_normalizer, replace_renderer
from benchmarks.scale.formulas import distinct_sides, recombine, with_repeats
from im2latex.dataset.readers.files import read_file
from im2latex.types import RawFormula
from pipeline.paths import ROOT

DVC_COMMANDS = (("dvc", "commit", "--force", *STAGES), ("dvc", "status", "bucket"), ("dvc", "repro", "bucket"))
_SAMPLE_SECONDS = 0.2
_PAPER_FORMULAS = 40

app = typer.Typer(help=__doc__, add_completion=False, pretty_exceptions_enable=False)


@app.command()
def formulas(
    corpus: Annotated[Path, typer.Argument(help="formulas to recombine, in any format that the readers know")],
    output: Annotated[Path, typer.Argument(help="the .jsonl to write")],
    count: int = 1_000_000,
    repeat_every: int = 20,
    seed: int = 0,
) -> None:
    """Write `count` formulas in papers of 40; one of `repeat_every` is a formula of before."""
    known = (row.formula for row in read_file(corpus) if isinstance(row, RawFormula))
    rows = with_repeats(recombine(distinct_sides(known, seed)), repeat_every)
    with output.open("w", encoding="utf-8") as file:
        for number, formula in enumerate(islice(rows, count)):
            paper = f"paper-{number // _PAPER_FORMULAS}"
            file.write(json.dumps({"id": f"f{number}", "paper": paper, "formula": formula}) + "\n")


@app.command()
def stage(name: str, without_normalizer: bool = False) -> None:
    """Run one data stage with a table of images in place of the renderer."""
    fakes = replace_renderer() | (replace_normalizer() if without_normalizer else {})
    module = importlib.import_module(f"pipeline.{name}")
    with ExitStack() as stack:
        for place, fake in fakes.get(name, {}).items():
            stack.enter_context(patch.object(module, place, fake))
        module.STAGE.main([])


@app.command()
def chain(
    file: Annotated[Path, typer.Argument(help="formulas, as .jsonl")],
    folder: Annotated[Path, typer.Argument(help="an empty folder for the project")],
    without_normalizer: bool = False,
    dvc: bool = True,
    name: str = "",
) -> None:
    """Run all data stages, then DVC's own work on their outputs."""
    _make_project(file, folder)
    stages = {}
    for one in STAGES:
        options = ["--without-normalizer"] if without_normalizer else []
        stages[one] = _timed([sys.executable, "-m", "benchmarks.scale", "stage", one, *options], folder)
        stages[one] |= _size(folder / "data" / one)
        print(one, json.dumps(stages[one]), flush=True)
    ledgers = {one: json.loads((folder / f"reports/ledger/{one}.json").read_text()) for one in STAGES}
    result: dict[str, object] = {
        "formulas": ledgers["normalize"]["seen"],
        "samples": ledgers["bucket"]["kept"],
        "normalizer": not without_normalizer,
        "stages": stages,
        "part_cache": _size(folder / "cache"),
        "dataset_hash": json.loads((folder / "data/bucket/dataset.json").read_text())["hash"],
    }
    if dvc:
        result["dvc"] = dict(_dvc_times(folder))
    save(f"scale-{name or ledgers['normalize']['seen']}", result)


def _make_project(file: Path, folder: Path) -> None:
    """The repository's parameters, code and stages, and the file as dataset."""
    dataset = folder / "data" / "raw" / DATASET
    dataset.mkdir(parents=True)
    (dataset / "formulas.jsonl").symlink_to(file.resolve())
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8")) | {"dataset": DATASET}
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    for path in ("im2latex", "pipeline", "custom"):
        shutil.copytree(ROOT / path, folder / path)
    for path in ("tools.lock", "dvc.yaml"):
        shutil.copy(ROOT / path, folder)


def _environment(folder: Path) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "IM2LATEX_CACHE": str(folder / "cache")}


def _timed(command: list[str], folder: Path) -> dict[str, Any]:
    """Seconds, CPU seconds with children, and peak memory: of the first process, and of all at one moment."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    child = subprocess.Popen(command, cwd=folder, env=_environment(folder), stdout=subprocess.DEVNULL)
    process, own, together, spilled = psutil.Process(child.pid), 0, 0, 0
    while child.poll() is None:
        with suppress(psutil.Error, OSError):
            sizes = [one.memory_info().rss for one in (process, *process.children(recursive=True))]
            own, together = max(own, sizes[0]), max(together, sum(sizes))
            spilled = max(spilled, sum(path.stat().st_size for path in folder.rglob("spilled/*")))
        time.sleep(_SAMPLE_SECONDS)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if child.returncode:
        raise RuntimeError(f"{' '.join(command)} failed with status {child.returncode}")
    return {
        "seconds": round(time.monotonic() - started, 2),
        "cpu_seconds": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 2),
        "main_process_mb": round(own / 2**20),
        "all_processes_mb": round(together / 2**20),
        "spilled_mb": round(spilled / 1e6),
    }


def _size(folder: Path) -> dict[str, int]:
    found = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return {"files": len(found), "megabytes": round(sum(found) / 1e6)}


def _dvc_times(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The cost of recording all outputs, and of finding that nothing has changed."""
    subprocess.run(["dvc", "init", "--no-scm", "--quiet"], cwd=folder, check=True)
    subprocess.run([sys.executable, "-m", "pipeline.code"], cwd=folder, env=_environment(folder), check=True)
    for command in (("dvc", "commit", "--force", "code"), *DVC_COMMANDS):
        yield " ".join(command[:2]) + f" {command[-1]}", _timed(list(command), folder)


if __name__ == "__main__":
    app()
