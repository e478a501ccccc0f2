"""The command line: one command per verb, each a few lines over the room that does the work.

Exit codes: 0 ok, 1 the work failed, 2 wrong usage. Errors are one sentence on stderr, never a traceback. Commands
import what they need when they run, so that each starts fast.
"""

import sys
from io import TextIOWrapper

import typer

from im2latex.cli import compare, formulas, inspect, predict, render, score, serve, vocab
from im2latex.errors import FULL_DISK, Im2LatexError, is_full
from im2latex.extras import install_hint

app = typer.Typer(
    help="Images of formulas to LaTeX: a reproducible data pipeline, models and honest scores.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

for command in (
    formulas.generate,
    formulas.download,
    formulas.extract,
    formulas.normalize,
    render.render,
    render.audit,
    predict.predict,
    score.score,
    score.evaluate,
    compare.runs,
    compare.compare,
    compare.gate,
    serve.serve,
    inspect.inspect,
    inspect.verify,
    inspect.doctor,
):
    app.command()(command)
app.add_typer(vocab.app, name="vocab")


def main() -> None:
    """Run the command line; what `im2latex` calls."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A file name may hold bytes that are no text: `\\udce9` in JSON gives them back.
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except Im2LatexError as error:
        typer.echo(f"im2latex: {error}", err=True)
        sys.exit(error.exit_code)
    except ModuleNotFoundError as error:
        hint = install_hint(error)
        if hint is None:
            raise
        typer.echo(f"im2latex: {hint}", err=True)
        sys.exit(2)
    except BrokenPipeError:
        # The reader of our output went away, as `head` does; nothing more can be said to it.
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        typer.echo(f"im2latex: {FULL_DISK if is_full(error) else f'{place}{error.strerror or error}'}", err=True)
        sys.exit(1)
