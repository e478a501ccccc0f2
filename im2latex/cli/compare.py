"""Commands that set two runs against each other: compare, and the gate of a branch.

read   folders, commits and DVC experiments of the project, predictions.parquet and scores.parquet
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from im2latex.cli.inputs import renderer_params
from im2latex.cli.runs import console
from im2latex.errors import InputError, UsageError
from im2latex.types import Split

if TYPE_CHECKING:
    import pyarrow as pa

A_SIDE = "a commit, an experiment, a folder, or a file of `im2latex evaluate`"


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help=A_SIDE)],
    b: Annotated[
        str, typer.Argument(metavar="B", help="what is compared with it, of any of these kinds")
    ] = "workspace",
    score: Annotated[list[str] | None, typer.Option("--score", help="a score to show; all if not given")] = None,
    split: Annotated[Split, typer.Option("--split", help="whose samples are compared")] = "test",
    examples: Annotated[
        int | None, typer.Option("-n", "--examples", min=0, help="formulas shown each way; 3, or 12 on the page")
    ] = None,
    resamples: Annotated[int, typer.Option("--resamples", min=1, help="draws of the bootstrap")] = 1000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="seed of the draws")] = 0,
    images: Annotated[bool, typer.Option("--images/--no-images", help="judge images of predictions too")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="everything, as JSON")] = False,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="write a page with images, as .html")] = None,
) -> None:
    """Compare two runs by the samples both read: scores, whether luck explains the difference, what changed."""
    from im2latex.reporting import comparison
    from im2latex.reporting.comparison_text import as_text
    from im2latex.reporting.run_data import read_side

    sides = [read_side(name, split, lambda table: _judged(table, images)) for name in (a, b)]
    found = comparison.compare(sides[0], sides[1], resamples, seed)
    shown = comparison.chosen(found, score or ())
    if out:
        from im2latex.rendering.renderer import TexRenderer
        from im2latex.reporting.comparison_page import write_comparison

        size = write_comparison(found, shown, 12 if examples is None else examples, TexRenderer(renderer_params()), out)
        typer.echo(f"{out}: {size / 1000:,.0f} kB", err=True)
    if as_json:
        typer.echo(
            json.dumps(comparison.as_json(found, 3 if examples is None else examples), indent=1, ensure_ascii=False)
        )
    elif not out:
        console().print(as_text(found, shown, 3 if examples is None else examples))


def _judged(predictions: pa.Table, images: bool = True) -> pa.Table:
    """Predictions judged as the project judges them."""
    from im2latex.metrics.score import score_predictions
    from im2latex.rendering.glyph_boxes.reader import TexGlyphReader
    from im2latex.rendering.parallel import ParallelGlyphReader, ParallelRenderer
    from im2latex.rendering.renderer import TexRenderer

    renderer = ParallelRenderer(TexRenderer(renderer_params())) if images else None
    return score_predictions(
        predictions, renderer, ParallelGlyphReader(TexGlyphReader(renderer_params())) if images else None, progress=True
    )


def gate(
    base: Annotated[
        str | None, typer.Argument(metavar="[BASE]", help="as in compare; origin/main or main if not given")
    ] = None,
    score: Annotated[list[str] | None, typer.Option("--score", help="a score to watch, in place of the usual")] = None,
    split: Annotated[Split, typer.Option("--split", help="whose samples are compared")] = "test",
    ledger: Annotated[
        float | None, typer.Option("--ledger", min=0, max=1, help="most by which a stage's share of kept may fall")
    ] = None,
    resamples: Annotated[int, typer.Option("--resamples", min=1, help="draws of the bootstrap")] = 1000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="seed of the draws")] = 0,
    markdown: Annotated[str | None, typer.Option("--markdown", metavar="FILE|-", help="the table as Markdown")] = None,
) -> None:
    """Fail, with exit code 1, where a score of the run here is worse than in BASE by more than luck explains."""
    from im2latex.reporting import gate as gates
    from im2latex.reporting.revisions import WORKSPACE
    from im2latex.reporting.run_data import read_side

    against = base or gates.find_base()
    try:
        first = read_side(against, split, _judged)
    except InputError as error:
        raise UsageError(f"no base to compare with: {error}") from None
    found = gates.gate(first, read_side(WORKSPACE, split, _judged), score or (), ledger, resamples, seed)
    if markdown == "-":
        typer.echo(gates.as_markdown(found), nl=False)
    else:
        if markdown:
            Path(markdown).write_text(gates.as_markdown(found), encoding="utf-8")
        console().print(gates.as_table(found))
        for sentence in found.notes:
            typer.echo(f"note: {sentence}")
    typer.echo(f"im2latex gate: {found.sentence}", err=True)
    sys.exit(1 if found.failed else 0)
