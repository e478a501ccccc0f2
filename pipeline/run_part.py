"""One part of a stage, computed into the part cache: what a job of the Snakefile runs.

python -m pipeline.run_part index STAGE         list the parts of the stage, and write the input of those without result
python -m pipeline.run_part compute STAGE KEY   compute one part from its input

reads, writes  <cache>/parts/<stage>/index.txt       the key of every part, a line each, in order
               <cache>/parts/<stage>/<key>.json      the input of a part, removed once its result is written
writes         <cache>/parts/<stage>/<key>.parquet   as the stage itself would

A key covers all that decides a result. `compute` derives it anew, so a machine with other code, parameters or tools
than the one that wrote the index refuses the part.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from im2latex.config import load_section
from im2latex.errors import Im2LatexError, UsageError
from im2latex.io.atomic_write import atomic_write
from im2latex.io.json_files import read_json
from im2latex.io.project_cache import cache_root
from im2latex.parallel.part_cache import Job
from pipeline import normalize, render
from pipeline.project import NormalizeParams
from pipeline.project_renderer import RenderStageParams

StageName = Literal["normalize", "render"]

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)


def all_jobs(stage: StageName) -> Iterator[Job]:
    """All parts of a stage, in order; reads its whole input."""
    if stage == "normalize":
        return normalize.jobs(load_section(stage, NormalizeParams))
    return render.jobs(load_section(stage, RenderStageParams))


def one_job(stage: StageName, part: Sequence[str], variant: str) -> Job:
    """The job of one part whose strings are known."""
    if stage == "normalize":
        return normalize.job(load_section(stage, NormalizeParams), part)
    return render.job(load_section(stage, RenderStageParams), part, variant)


def write_index(stage: StageName) -> list[str]:
    """Write the index of a stage, and the inputs of the parts that have no result; returns the keys."""
    keys = []
    for job in all_jobs(stage):
        keys.append(job.path.stem)
        if not job.path.is_file():
            _write_text(job.path.with_suffix(".json"), json.dumps({"part": list(job.part), "variant": job.variant}))
    _write_text(cache_root() / "parts" / stage / "index.txt", "".join(f"{key}\n" for key in keys))
    return keys


def _write_text(path: Path, text: str) -> None:
    atomic_write(path, lambda draft: draft.write_text(text, encoding="utf-8"))


def compute_part(stage: StageName, key: str) -> None:
    """Compute one part unless its result exists; raises `UsageError` where it would have another key here."""
    source = cache_root() / "parts" / stage / f"{key}.json"
    content = read_json(source, f"python -m pipeline.run_part index {stage}")
    job = one_job(stage, content["part"], content["variant"])
    if job.path.stem != key:
        raise UsageError(
            f"{key}: params.yaml, code or tools differ here from those of the index; run the workflow again, "
            "with the same checkout and environment on every machine"
        )
    job.compute()
    source.unlink(missing_ok=True)


Stage = Annotated[StageName, typer.Argument(help="normalize or render")]


@app.command()
def index(stage: Stage) -> None:
    """List the parts of STAGE."""
    _guarded(stage, lambda: write_index(stage))


@app.command()
def compute(
    stage: Stage,
    key: Annotated[str, typer.Argument(help="a line of the index: name of the result's file, without .parquet")],
) -> None:
    """Compute one part of STAGE."""
    _guarded(stage, lambda: compute_part(stage, key))


def _guarded(stage: str, work: Callable[[], object]) -> None:
    try:
        work()
    except Im2LatexError as error:
        typer.echo(f"{stage}: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    app()
