"""`im2latex runs`: trainings side by side.

reads  commits and DVC experiments of the project, or folders
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

Folders = Annotated[list[Path] | None, typer.Argument(help="checkpoints or projects; without, the project's own runs")]

UNFOLDED = 10_000
"""Columns of a line that is long enough for every table."""


def runs(
    folders: Folders = None,
    metric: Annotated[list[str] | None, typer.Option(help="a score to show; the first one sorts, best first")] = None,
    commits: Annotated[int, typer.Option("-n", "--commits", min=1, help="last commits to look through")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="all scores, as JSON")] = False,
) -> None:
    """Compare runs: scores with their intervals, and only the parameters that differ."""
    from im2latex.reporting import runs as side_by_side

    found = [side_by_side.read_folder(folder) for folder in folders or ()] or side_by_side.read_project(commits)
    if metric:
        found = side_by_side.ranked(found, metric[0])
    if as_json:
        typer.echo(json.dumps(side_by_side.as_json(found), indent=1, ensure_ascii=False))
        return
    table = side_by_side.as_table(found, side_by_side.shown_scores(found, metric or ()))
    console().print(table)


def console() -> Console:
    """Standard output as a page; a file or a pipe has no edge at which a row would have to be folded."""
    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else UNFOLDED)
