"""One part of a stage, computed into the part cache: what a cluster runs, python -m pipeline.run_part STAGE KEY.

reads   params.yaml, and what the stage reads
writes  <cache>/parts/<stage>/<key>.parquet      as the stage itself would
The key of a part covers its content and all that decides the result, so a stage that finds the file there only
gathers it. `keys` lists the keys of all parts; the Snakefile asks for one file each.
"""

import sys
from collections.abc import Iterator
from typing import Annotated, Literal

import typer

from im2latex.config import load_section
from im2latex.errors import Im2LatexError, UsageError
from im2latex.parallel.part_cache import Job
from pipeline import normalize, render
from pipeline.project import NormalizeParams
from pipeline.project_renderer import RenderStageParams

Stage = Literal["normalize", "render"]


def jobs(stage: Stage) -> Iterator[Job]:
    """All parts of a stage, in order."""
    if stage == "normalize":
        return normalize.jobs(load_section(stage, NormalizeParams))
    return render.jobs(load_section(stage, RenderStageParams))


def files(stage: Stage) -> list[str]:
    """The files that hold the results of a stage, or will."""
    return [str(job.path) for job in jobs(stage)]


def main(
    stage: Annotated[Stage, typer.Argument(help="normalize or render")],
    key: Annotated[str, typer.Argument(help="name of the result's file in the cache, without .parquet")],
) -> None:
    """Compute one part unless its result is there."""
    try:
        for job in jobs(stage):
            if job.path.stem == key:
                job.compute()
                return
        raise UsageError(f"{key}: no part of {stage} has this key now; were params.yaml, code or dataset changed?")
    except Im2LatexError as error:
        typer.echo(f"{stage}: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    typer.run(main)
