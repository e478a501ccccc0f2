"""Classes of commands and groups: help in sections, with examples; earlier names of commands and options.

The help is plain text, so that it needs no other package and is the same in every terminal. Examples are the last
section of a docstring and are printed as they are. Using an earlier name is an error that names the present one. An
error of usage is one sentence.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from typer.core import TyperCommand, TyperGroup

from im2latex.errors import UsageError

VALUE_NAMES = {int: "N", float: "NUMBER", Path: "FILE", str: "NAME"}
"""Names of the values of options in the help, where an option has none of its own."""
_CLICK_VALUE_NAMES = {"integer": "N", "int": "N", "float": "NUMBER", "path": "FILE", "text": "NAME", "str": "NAME"}
"""The same by the names of Click's types."""
_EXAMPLES = "\n\nExamples:\n"

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


def argument_usage(parameter: Any) -> str:
    """An argument as usage lines name it: `A`, `[B]` where it is optional, `A...` where it may be repeated."""
    name = parameter.metavar or parameter.name.upper()
    return (name if parameter.required else f"[{name}]") + ("..." if parameter.nargs != 1 else "")


@contextmanager
def _one_sentence(command: str) -> Iterator[None]:
    """Raise Click's errors, which are several lines, as a `UsageError`."""
    try:
        yield
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        message = (
            error.format_message().replace("Value error, ", "").replace(": Input should", ": it should").rstrip(".")
        )
        raise UsageError(f"{message[:1].lower()}{message[1:]}; see {command} --help") from None


class CliGroup(TyperGroup):
    """The commands of `im2latex` or of `im2latex vocab`; refuses the old name of a command, and that of a stage.

    Its help lists the commands in sections, which are their `rich_help_panel`.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.commands)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        width = max(map(len, self.commands))
        sections: dict[str, list[tuple[str, str]]] = {}
        for name, command in self.commands.items():
            section = getattr(command, "rich_help_panel", None)
            summary = command.get_short_help_str(formatter.width - 6 - width)
            sections.setdefault(section if isinstance(section, str) else "Commands", []).append(
                (f"{name:<{width}}", summary)
            )
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        old = " ".join([self.name, *args[:1]] if self.name == "vocab" else args[:1])
        if new := RENAMED_COMMANDS.get(old):
            raise UsageError(f"the command {old} is named {new} now; run: im2latex {new}")
        if old in STAGES:
            raise UsageError(f"{old} is a stage of the pipeline and not a command; run: dvc repro {old}")
        if args and args[0] not in self.commands and Path(args[0]).is_file():
            raise UsageError(f"{args[0]} is a file and not a command; run: im2latex predict {args[0]}")
        with _one_sentence(ctx.command_path):
            return super().resolve_command(ctx, args)


class CliCommand(TyperCommand):
    """One command; refuses the old name of an option.

    Its help has the same form in every version of Typer: `A [B]` in the usage line, names of values, examples.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.help, _, examples = (self.help or "").partition(_EXAMPLES)
        self.examples = [line.strip() for line in examples.splitlines() if line.strip()]
        for parameter in self.params:
            if parameter.param_type_name == "option" and parameter.metavar is None:
                parameter.metavar = _value_name(parameter)

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        with _one_sentence(f"{parent.command_path} {info_name}" if parent else str(info_name)):
            return super().make_context(info_name, args, parent, **extra)

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

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        if self.examples:
            with formatter.section("Examples"):
                for line in self.examples:
                    formatter.write(f"{'':{formatter.current_indent}}{line}\n")

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        renamed = RENAMED_OPTIONS.get(self.name or "", {})
        for argument in args[: args.index("--")] if "--" in args else args:
            option = argument.partition("=")[0]
            if option in renamed:
                raise UsageError(f"the option {option} is named {renamed[option]} now; use {renamed[option]}")
        return super().parse_args(ctx, args)


def _value_name(option: Any) -> str | None:
    """The name of an option's value in the help: its choices, or a name of its type; None for a flag."""
    if option.is_flag or option.count:
        return None
    if not hasattr(option, "type_descriptor"):  # before Typer 0.29
        choices = getattr(option.type, "choices", None)
        return f"[{'|'.join(choices)}]" if choices else _CLICK_VALUE_NAMES.get(option.type.name.removesuffix(" range"))
    annotation = option.type_descriptor.annotation
    if get_origin(annotation) is list:
        (annotation,) = get_args(annotation)
    if get_origin(annotation) is Literal:
        return f"[{'|'.join(get_args(annotation))}]"
    return VALUE_NAMES.get(annotation, "NAME")
