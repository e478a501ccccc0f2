"""Arguments, parameters and output that several commands share; earlier names of commands and options.

Using an earlier name is an error that names the present one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

import typer
from typer.core import TyperCommand, TyperGroup

from im2latex.errors import UsageError
from im2latex.types import BadRow, RawFormula

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

VALUE_NAMES = {int: "INTEGER", float: "FLOAT", Path: "PATH", str: "TEXT"}
"""Names of the values of options in the help."""

RENAMED_COMMANDS = {"fetch": "download", "vocab coverage": "vocab stats"}
"""Old name of a command -> present name, as typed after `im2latex`."""

STAGES = frozenset(("tokenize", "filter", "bucket", "train", "report"))
"""Stages of the pipeline without a command of their own."""

RENAMED_OPTIONS = {
    "render": {"--look": "--style"},
    "predict": {"--constrain": "--grammar", "--rerank": "--effort best"},
    "evaluate": {"--constrain": "--grammar"},
    "build": {
        "--kind": "--type",
        "--min-count": "--min-frequency",
        "--spell": "--symbol-fallback",
        "--no-spell": "--no-symbol-fallback",
        "--start": "--init-from",
    },
}
"""Command -> old name of an option -> present name."""


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


def argument_usage(parameter: Any) -> str:
    """An argument as usage lines name it: `A`, `[B]` where it is optional, `A...` where it may be repeated."""
    name = parameter.metavar or parameter.name.upper()
    return (name if parameter.required else f"[{name}]") + ("..." if parameter.nargs != 1 else "")


class GroupWithRenames(TyperGroup):
    """The commands of `im2latex` or of `im2latex vocab`; refuses the old name of a command, and that of a stage."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        old = " ".join([self.name, *args[:1]] if self.name == "vocab" else args[:1])
        if new := RENAMED_COMMANDS.get(old):
            raise UsageError(f"the command {old} is named {new} now; run: im2latex {new}")
        if old in STAGES:
            raise UsageError(f"{old} is a stage of the pipeline and not a command; run: dvc repro {old}")
        return super().resolve_command(ctx, args)


class CommandWithRenames(TyperCommand):
    """One command; refuses the old name of an option.

    Its help has the form of Click 8 in every version of Typer: `A [B]` in the usage line, and names of values such as
    INTEGER.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for parameter in self.params:
            if parameter.param_type_name == "option" and parameter.metavar is None:
                parameter.metavar = _value_name(parameter)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        arguments = [one for one in self.get_params(ctx) if one.param_type_name == "argument"]
        return ["[OPTIONS]", *map(argument_usage, arguments)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        sections: dict[str, list[tuple[str, str]]] = {"argument": [], "option": []}
        for parameter in self.get_params(ctx):
            if (record := parameter.get_help_record(ctx)) is not None:
                name, text = record
                kind = parameter.param_type_name
                sections[kind].append((argument_usage(parameter) if kind == "argument" else name, text))
        for title, records in zip(("Arguments", "Options"), sections.values(), strict=True):
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        renamed = RENAMED_OPTIONS.get(self.name or "", {})
        for argument in args[: args.index("--")] if "--" in args else args:
            option = argument.partition("=")[0]
            if option in renamed:
                raise UsageError(f"the option {option} is named {renamed[option]} now; use {renamed[option]}")
        return super().parse_args(ctx, args)


def _value_name(option: Any) -> str | None:
    """The name of an option's value in the help: its choices, or its type in the words of Click; None for a flag."""
    if option.is_flag or option.count:
        return None
    annotation = option.type_descriptor.annotation if hasattr(option, "type_descriptor") else None
    if annotation is None:
        return None  # an earlier Typer, which names types in this way by itself
    if get_origin(annotation) is list:
        (annotation,) = get_args(annotation)
    if get_origin(annotation) is Literal:
        return f"[{'|'.join(get_args(annotation))}]"
    return VALUE_NAMES.get(annotation, "TEXT")
