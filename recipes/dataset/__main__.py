"""Command line of the training set builder: python -m recipes.dataset COMMAND --help

papers   the formulas of the listed papers, from those of a whole archive of papers
build    a dataset folder from a file of shares and a folder of inputs
report   what a dataset folder is made of, and what came out of the pipeline
samples  images of every style side by side
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
from recipes.dataset.papers import divide, read_list
from recipes.dataset.report import as_text, describe
from recipes.dataset.samples import write_samples

app = typer.Typer(help=__doc__, add_completion=False, pretty_exceptions_enable=False)


@app.command()
def papers(
    formulas: Annotated[Path, typer.Argument(help="formulas of papers, as `im2latex extract` writes them")],
    out: Annotated[Path, typer.Option("-o", "--out", help="folder of inputs")] = Path("data/inputs"),
) -> None:
    """Write the formulas of the listed papers by split."""
    try:
        counts = divide(formulas, out, read_list())
    except Im2LatexError as error:
        typer.echo(f"dataset: {error}", err=True)
        sys.exit(error.exit_code)
    typer.echo("  ".join(f"{name} {count:,}" for name, count in sorted(counts.items())))


@app.command()
def build(
    config: Annotated[Path, typer.Argument(help="file of shares, such as recipes/dataset/world.yaml")],
    inputs: Annotated[Path, typer.Option(help="folder that holds the files of `inputs`")] = Path("data/inputs"),
    out: Annotated[Path, typer.Option("-o", "--out", help="dataset folder")] = Path("data/raw/world"),
    workers: Annotated[int, typer.Option(help="processes; 0 for one a processor")] = 0,
) -> None:
    """Write a dataset folder; the same bytes for any number of processes."""
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
    folder: Annotated[Path, typer.Argument(help="dataset folder")] = Path("data/raw/world"),
    shards: Annotated[Path | None, typer.Option(help="shards made of it, such as data/bucket")] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="JSON file of the figures")] = None,
) -> None:
    """Print what a dataset is made of."""
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
    out: Annotated[Path, typer.Option("-o", "--out", help="folder of the sheets, one PNG a style")] = Path("sheets"),
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="images of a style")] = 60,
) -> None:
    """Write sheets of images, to be looked at before a training."""
    try:
        counts = write_samples(render, out, count)
    except Im2LatexError as error:
        typer.echo(f"dataset: {error}", err=True)
        sys.exit(error.exit_code)
    typer.echo(f"{out}: {len(counts)} styles, {sum(counts.values())} images")


if __name__ == "__main__":
    app()
