"""Earlier names of commands and options: using one is an error that names the present one."""

from typing import Any

from typer.core import TyperCommand, TyperGroup

from im2latex.errors import UsageError

RENAMED_COMMANDS = {"fetch": "download", "vocab coverage": "vocab stats"}
"""Old name of a command -> present name, as typed after `im2latex`."""

RENAMED_OPTIONS = {
    "render": {"--look": "--style"},
    "predict": {"--constrain": "--grammar"},
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


class Group(TyperGroup):
    """The commands of `im2latex` or of `im2latex vocab`; refuses the old name of a command."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        old = " ".join([self.name, *args[:1]] if self.name == "vocab" else args[:1])
        if new := RENAMED_COMMANDS.get(old):
            raise UsageError(f"the command {old} is named {new} now; run: im2latex {new}")
        return super().resolve_command(ctx, args)


class Command(TyperCommand):
    """One command; refuses the old name of an option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        renamed = RENAMED_OPTIONS.get(self.name or "", {})
        for argument in args[: args.index("--")] if "--" in args else args:
            option = argument.partition("=")[0]
            if option in renamed:
                raise UsageError(f"the option {option} is named {renamed[option]} now; use {renamed[option]}")
        return super().parse_args(ctx, args)
