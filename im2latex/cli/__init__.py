"""The command line: one command per verb, each a few lines that call the package that does the work.

Exit codes: 0 ok, 1 the work failed, 2 wrong usage. Errors are one sentence on stderr, never a traceback. Commands
import what they need when they run, so that `im2latex --help` imports none of the packages.
"""

import os
import sys
from io import TextIOWrapper
from typing import Annotated

import typer

from im2latex import __version__
from im2latex.cli import compare, export, formulas, inspect, predict, serve, vocab
from im2latex.cli.commands import CliCommand, CliGroup
from im2latex.errors import FULL_DISK, Im2LatexError, is_full

COMMANDS = {
    "Read images": (predict.predict, serve.serve),
    "Prepare formulas": (
        formulas.download,
        formulas.extract,
        formulas.generate,
        formulas.normalize,
        formulas.render,
        formulas.audit,
    ),
    "Score and compare": (compare.score, compare.evaluate, compare.runs, compare.compare, compare.gate),
    "Look into a project": (inspect.inspect, inspect.params, inspect.snapshots, inspect.verify, inspect.doctor),
}
"""The commands by the section of the help that lists them."""

app = typer.Typer(
    cls=CliGroup,
    help="Convert formula images to LaTeX; build datasets of formulas, train models and score them.",
    epilog="`im2latex predict formula.png` reads an image; `im2latex COMMAND --help` shows examples of a command.",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"im2latex {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options of `im2latex` before the command."""


for section, commands in COMMANDS.items():
    for command in commands:
        app.command(cls=CliCommand, rich_help_panel=section)(command)
app.add_typer(vocab.app, name="vocab", rich_help_panel="Look into a project")
app.add_typer(export.app, name="export", rich_help_panel="Look into a project")


def main() -> None:
    """Run the command line: the entry point of `im2latex`."""
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # to look for them takes longer than to import NumPy
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A file name may have bytes that are no text: they are printed as `\\udce9`, and JSON restores them.
            stream.reconfigure(errors="backslashreplace")
    try:
        app(prog_name="im2latex")
    except Im2LatexError as error:
        typer.echo(f"im2latex: {error}", err=True)
        sys.exit(error.exit_code)
    except ModuleNotFoundError as error:
        from im2latex.extras import install_hint

        hint = install_hint(error)
        if hint is None:
            raise
        typer.echo(f"im2latex: {hint}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output has closed it, as `head` does.
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        typer.echo(f"im2latex: {FULL_DISK if is_full(error) else f'{place}{error.strerror or error}'}", err=True)
        sys.exit(1)
