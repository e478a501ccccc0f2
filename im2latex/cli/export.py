"""Commands that write a model for use without PyTorch: `im2latex export onnx`.

reads   a checkpoint folder
writes  a checkpoint folder with ONNX graphs
"""

from pathlib import Path
from typing import Annotated

import typer

from im2latex.cli.commands import CliCommand, CliGroup

app = typer.Typer(
    cls=CliGroup,
    help="Write a trained model for use without PyTorch.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def _group() -> None:
    """Write a trained model for use without PyTorch."""


@app.command(cls=CliCommand)
def onnx(
    checkpoint: Annotated[Path, typer.Argument(help="folder of a trained model, such as data/train")],
    out: Annotated[Path, typer.Argument(help="folder to write; may be the same")],
) -> None:
    """Write a checkpoint with ONNX graphs.

    `predict` and `serve` compute them with ONNX Runtime, without PyTorch. Models of the presets fast-* can be exported.
    The graphs refer to the weights in model.safetensors beside them.

    Examples:
        im2latex export onnx data/train exported
        im2latex predict --checkpoint exported formula.png

    """
    from im2latex.inference.engine_choice import export

    export(checkpoint, out)
    typer.echo(f"{out}: written; im2latex predict --checkpoint {out} IMAGE")
