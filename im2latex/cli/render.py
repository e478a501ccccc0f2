"""Commands that draw formulas: render, audit."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from im2latex.cli.options import Formulas, project_styles, renderer_params, rows
from im2latex.types import RawFormula


def render(
    out: Annotated[Path, typer.Option("-o", "--out", help="a .parquet file, or a folder for id.png and render.jsonl")],
    file: Formulas = "-",
    style: Annotated[
        str, typer.Option("--style", help="name of a style in params.yaml: render.styles.variants")
    ] = "base",
) -> None:
    """Render formulas as given, with the renderer of params.yaml.

    The output has one row per formula, in the order of the input.
    """
    from im2latex.rendering.export import render_rows, write_folder, write_parquet
    from im2latex.rendering.styles import find_style

    drawn = render_rows(rows(file), find_style(style, project_styles()).renderer)
    count, failed = (write_parquet if out.suffix == ".parquet" else write_folder)(drawn, out)
    typer.echo(f"{out}: {count:,} formulas, {failed:,} without an image", err=True)


def audit(
    file: Formulas = "-",
    count: Annotated[
        int, typer.Option("-n", "--count", min=0, help="number of formulas, selected by hash; 0 for all")
    ] = 0,
) -> None:
    """Check that normalizing formulas leaves their images unchanged.

    Renders each formula as given and as normalized and compares the images. Prints counts as JSON; exits with 1 where
    an image changed.
    """
    from im2latex.config import project_section
    from im2latex.latex.normalizer import Normalizer, NormalizerParams
    from im2latex.metrics.normalizer_audit import AuditCounts, audit_formulas, sample_formulas
    from im2latex.rendering.parallel import ParallelRenderer
    from im2latex.rendering.renderer import TexRenderer

    formulas = sample_formulas([row.formula for row in rows(file) if isinstance(row, RawFormula)], count, 0)
    normalizer = Normalizer(project_section(NormalizerParams, "normalize", "normalizer"))
    counts, faults = AuditCounts(), 0
    for audited in audit_formulas(formulas, normalizer, ParallelRenderer(TexRenderer(renderer_params()))):
        counts.add(audited)
        if audited.is_fault:
            faults += 1
            typer.echo(f"{audited.outcome}: {audited.raw}", err=True)
    typer.echo(json.dumps(counts.summary(), indent=1))
    sys.exit(1 if faults else 0)
