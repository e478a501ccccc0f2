"""Commands that make, normalize and render formulas: generate, download, extract, normalize, render, audit."""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated, Literal

import typer

from im2latex.cli.options import Formulas, project_styles, renderer_params, rows
from im2latex.errors import LatexError
from im2latex.types import BadRow, RawFormula

Profile = Literal["faithful", "compact", "none"]


def generate(
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="formulas to generate")],
    seed: Annotated[int, typer.Option("--seed", min=0, help="the same seed, the same formulas")] = 0,
    classics: Annotated[bool, typer.Option("--classics", help="put the list of classic formulas in front")] = False,
) -> None:
    """Generate random formulas from the grammar, one per line.

    Examples:
        im2latex generate -n 1000 --seed 1 > formulas.txt

    """
    from im2latex.latex.grammar.generator import generate as from_grammar
    from im2latex.latex.grammar.generator import load_classics

    for formula in [*(load_classics() if classics else []), *from_grammar(count, seed)]:
        typer.echo(formula)


def download(
    dataset: Annotated[
        str,
        typer.Argument(
            help="im2latex-100k, as published; im2latex-100k-processed, as im2markup normalized and filtered it; "
            "im2latex-100k-held-out, its validation and test formulas; or wandb:ENTITY/PROJECT/RUN, the checkpoint of "
            "a run there"
        ),
    ],
    into: Annotated[
        Path | None,
        typer.Option(
            "--into", metavar="FOLDER", help="folder; default: data/raw/DATASET, or models/RUN for a checkpoint"
        ),
    ] = None,
    url: Annotated[str | None, typer.Option("--url", metavar="URL", help="folder of a mirror")] = None,
    images: Annotated[bool, typer.Option("--images", help="also download the published images")] = False,
) -> None:
    """Download a public dataset, or a trained checkpoint.

    An interrupted download continues. Checksums are verified; where none was published, the SHA-256 of the first
    download is written to SHA256SUMS, reported, and verified from then on.

    Examples:
        im2latex download im2latex-100k
        im2latex download wandb:team/formulas/3xk2 --into models/theirs

    """
    if dataset.startswith("wandb:"):
        from im2latex.training.loggers import download_checkpoint, run_name

        run = dataset.removeprefix("wandb:")
        typer.echo(download_checkpoint(run, into or Path("models") / run_name(run)))
        return
    from im2latex.dataset.download import SUMS, without_checksum
    from im2latex.dataset.download import download as download_dataset

    folder = into or Path("data/raw") / dataset
    for path in download_dataset(dataset, folder, url, images):
        typer.echo(path)
    if unsure := without_checksum(dataset, images):
        typer.echo(
            f"no checksum was published of {', '.join(unsure)}; {folder / SUMS} has those of the first download",
            err=True,
        )


def extract(
    papers: Annotated[list[Path], typer.Argument(help=".tex files, folders, .tar.gz, .gz")],
    out: Annotated[Path, typer.Option("-o", "--out", help="JSON lines, one formula per line")],
    min_inline: Annotated[int, typer.Option("--min-inline", min=1, help="shortest inline formula, in characters")] = 25,
    inline: Annotated[bool, typer.Option("--inline/--no-inline", help="keep inline formulas")] = True,
    rejects: Annotated[Path | None, typer.Option("--rejects", help="list what was not kept, with its reason")] = None,
    macros: Annotated[Path | None, typer.Option("--macros", help="TeX definitions known before each paper")] = None,
) -> None:
    """Extract the formulas of LaTeX papers, with macros expanded.

    Each row has the paper, file, line and environment of its formula.

    Examples:
        im2latex extract paper.tex papers/ -o formulas.jsonl
        im2latex extract 2101.00001.tar.gz -o formulas.jsonl --no-inline --rejects rejects.jsonl

    """
    from im2latex.latex.papers.extract import extract as take

    account = take(papers, out, min_inline if inline else None, rejects, macros)
    for sentence in account.unreadable:
        typer.echo(f"im2latex: {sentence}", err=True)
    typer.echo(f"{out}: {account.line()}", err=True)
    if not account.kept:
        typer.echo("im2latex: no formula was found; --min-inline sets how short an inline one may be", err=True)
    sys.exit(1 if account.unreadable else 0)


def normalize(
    file: Formulas = "-",
    profile: Annotated[
        Profile | None, typer.Option("--profile", help="which rules run; default: that of params.yaml")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help='{"id", "latex" or null, "reason"} a line')] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="show each rule that changed a formula, with the tokens after it")
    ] = False,
) -> None:
    r"""Normalize LaTeX formulas, one per line.

    There are as many lines of output as of input, blank where a formula is refused.

    Examples:
        im2latex normalize formulas.txt > normalized.txt
        im2latex normalize formulas.csv --json
        echo '\frac12' | im2latex normalize --explain

    """
    from im2latex.config import project_section
    from im2latex.latex.normalizer import Normalizer, NormalizerParams

    normalizer = Normalizer(project_section(NormalizerParams, "normalize", "normalizer", options={"profile": profile}))
    replaced: Counter[str] = Counter()
    for row in rows(file):
        latex, reason, steps = None, None, []
        if isinstance(row, BadRow):
            reason = f"{row.reason}: {row.detail}"
        else:
            try:
                steps = normalizer.explain(row.formula) if explain else []
                latex, made = normalizer.normalize_with_counts(row.formula)
                replaced += made
            except LatexError as error:
                reason = error.sentence
        if as_json:
            answer = {"id": row.source_id, "latex": latex, "reason": reason} | ({"steps": steps} if explain else {})
            typer.echo(json.dumps(answer, ensure_ascii=False))
        elif explain:
            typer.echo("".join(f"{rule:<18}{tokens}\n" for rule, tokens in steps or [("refused", reason or "")]))
        else:
            typer.echo(latex or "")
    for left, count in sorted(replaced.items()):
        typer.echo(f"replaced {count:,}: {left}", err=True)


def render(
    out: Annotated[Path, typer.Option("-o", "--out", help="a .parquet file, or a folder for id.png and render.jsonl")],
    file: Formulas = "-",
    style: Annotated[
        str, typer.Option("--style", help="name of a style in params.yaml: render.styles.variants")
    ] = "base",
) -> None:
    """Render formulas to images, with the renderer of params.yaml.

    The output has one row per formula, in the order of the input.

    Examples:
        im2latex render formulas.txt -o images/
        im2latex render formulas.txt -o images.parquet --style times

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
    """Check that normalization leaves images unchanged.

    Renders each formula as given and as normalized and compares the images. Prints counts as JSON; exits with 1 where
    an image changed.

    Examples:
        im2latex audit formulas.txt -n 200

    """
    from im2latex.config import project_section
    from im2latex.latex.normalizer import Normalizer, NormalizerParams
    from im2latex.metrics.normalizer_audit import AuditCounts, audit_formulas, sample_formulas
    from im2latex.rendering.renderer import ParallelRenderer, TexRenderer

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
