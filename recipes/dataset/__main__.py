"""Command line of the training set builder: python -m recipes.dataset COMMAND --help

papers   select the formulas of the listed papers
build    build a dataset folder from a configuration and a folder of inputs
report   composition of a dataset folder, and of its shards
samples  contact sheets of every style
"""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from im2latex.errors import Im2LatexError
from pipeline.paths import ROOT
from recipes.dataset.build import Builder
from recipes.dataset.config import load
from recipes.dataset.held_out import read_paper_splits, split_by_paper
from recipes.dataset.report import as_text, describe, write_contact_sheets

app = typer.Typer(help=__doc__, add_completion=False, pretty_exceptions_enable=False)


@app.command()
def papers(
    formulas: Annotated[Path, typer.Argument(help="output of `im2latex extract`")],
    out: Annotated[Path, typer.Option("-o", "--out", help="folder of inputs")] = Path("data/inputs"),
) -> None:
    """Write the formulas of the listed papers by split."""
    try:
        counts = split_by_paper(formulas, out, read_paper_splits())
    except Im2LatexError as error:
        typer.echo(f"dataset: {error}", err=True)
        sys.exit(error.exit_code)
    typer.echo("  ".join(f"{name} {count:,}" for name, count in sorted(counts.items())))


@app.command()
def build(
    config: Annotated[Path, typer.Argument(help="configuration, such as recipes/dataset/mixture.yaml")],
    inputs: Annotated[Path, typer.Option(help="folder of the input files")] = Path("data/inputs"),
    out: Annotated[Path, typer.Option("-o", "--out", help="dataset folder to write")] = Path("data/raw/mixture"),
    workers: Annotated[int, typer.Option(help="number of processes; 0 for one per core")] = 0,
) -> None:
    """Write a dataset folder; the bytes do not depend on the number of processes."""
    try:
        params, normalizer, merges = load(config, ROOT)
        builder = Builder(params, normalizer, merges, inputs, workers or -1)
        builder.build(out)
    except Im2LatexError as error:
        typer.echo(f"dataset: {error}", err=True)
        sys.exit(error.exit_code)
    for name, file in builder.ledger["files"].items():
        typer.echo(f"{name:22} {file['rows']:9,}")


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="dataset folder")] = Path("data/raw/mixture"),
    shards: Annotated[Path | None, typer.Option(help="shards of the dataset, such as data/bucket")] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="JSON file to write the figures to")] = None,
) -> None:
    """Print the composition of a dataset."""
    try:
        figures = describe(folder, shards)
    except Im2LatexError as error:
        typer.echo(f"dataset: {error}", err=True)
        sys.exit(error.exit_code)
    if out is not None:
        out.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    typer.echo(as_text(figures))


@app.command()
def samples(
    render: Annotated[Path, typer.Argument(help="output of the stage render")] = Path("data/render"),
    out: Annotated[Path, typer.Option("-o", "--out", help="folder of the sheets, one PNG per style")] = Path("sheets"),
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="images per style")] = 60,
) -> None:
    """Write contact sheets of the images, to inspect before training."""
    try:
        counts = write_contact_sheets(render, out, count)
    except Im2LatexError as error:
        typer.echo(f"dataset: {error}", err=True)
        sys.exit(error.exit_code)
    typer.echo(f"{out}: {len(counts)} styles, {sum(counts.values())} images")


if __name__ == "__main__":
    app()
