"""Options, parameters and output that several commands share."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from im2latex.types import BadRow, EngineName, RawFormula

if TYPE_CHECKING:
    from rich.console import Console

    from im2latex.rendering.renderer import RenderParams
    from im2latex.rendering.styles import RenderStyle

NO_WRAP = 10_000
"""Columns of a line that is long enough for every table."""

Formulas = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="formulas (.txt .jsonl .csv .parquet, .gz; another suffix is read as lines); - reads lines from stdin",
    ),
]


def _check_device(name: str) -> str:
    from im2latex.engines.base import check_device_name

    check_device_name(name)
    return name


Checkpoint = Annotated[
    Path | None,
    typer.Option("--checkpoint", metavar="FOLDER", help="folder of a trained model; default: the released one"),
]
Engine = Annotated[
    EngineName,
    typer.Option(
        "--engine",
        help="what computes: onnx (ONNX Runtime), torch (PyTorch), or auto: onnx on a CPU for the released and for "
        "exported models",
    ),
]
Device = Annotated[
    str,
    typer.Option(
        "--device", metavar="DEVICE", callback=_check_device, help="where to compute: auto, cpu, cuda or cuda:NUMBER"
    ),
]


def rows(file: str) -> Iterator[RawFormula | BadRow]:
    """The rows of a file, or the lines of standard input."""
    from im2latex.dataset.readers.files import read_file, read_lines

    if file == "-":
        return read_lines(sys.stdin.buffer, "stdin")
    note_format(Path(file))
    return read_file(Path(file))


def note_format(path: Path) -> None:
    """Say on standard error where a file will be read as lines for want of a known suffix."""
    from im2latex.dataset.readers.files import read_as_lines

    if note := read_as_lines(path):
        typer.echo(f"im2latex: {note}", err=True)


def renderer_params() -> RenderParams:
    """The renderer of ./params.yaml, or the default one where there is no such file.

    It also takes the commands of `normalize.normalizer.commands`.
    """
    from im2latex.config import project_section
    from im2latex.rendering.renderer import RenderParams

    if not Path("params.yaml").is_file():  # as after an installation without extras
        return RenderParams()
    from im2latex.latex.normalizer import NormalizerParams  # needs the extra `pipeline`

    commands = project_section(NormalizerParams, "normalize", "normalizer").commands
    return project_section(RenderParams, "render", "renderer").with_commands(commands)


def project_styles() -> list[RenderStyle]:
    """The styles of ./params.yaml, the base style first."""
    from im2latex.config import project_section
    from im2latex.rendering.styles import StylesParams, all_styles

    return all_styles(renderer_params(), project_section(StylesParams, "render", "styles"))


def console() -> Console:
    """Standard output for tables; in a file or a pipe no row is wrapped."""
    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else NO_WRAP)
