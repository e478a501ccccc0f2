"""Commands that write a model for use without PyTorch: `im2latex export onnx`, `im2latex export web`.

reads   a checkpoint folder
writes  a checkpoint folder with ONNX graphs, or a folder with a page that reads images in the browser
"""

from pathlib import Path
from typing import Annotated

import typer

from im2latex.cli.commands import CliCommand, CliGroup
from im2latex.cli.options import Checkpoint
from im2latex.errors import ArtifactError

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


@app.command(cls=CliCommand)
def web(
    out: Annotated[Path, typer.Argument(help="folder to write")],
    checkpoint: Checkpoint = None,
    packages: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="folder node_modules with the packages of npm; default: fetch them"),
    ] = None,
) -> None:
    """Write a page that converts images in the browser alone.

    The folder holds the page, the model and ONNX Runtime as WebAssembly. Any static server can serve it, such as
    `python -m http.server`. Images do not leave the browser. Needs npm, for two packages of JavaScript.

    Examples:
        im2latex export web public
        im2latex export web public --checkpoint data/train

    """
    from im2latex.inference.engine_choice import exported_folder
    from im2latex.io.manifest import RELEASED
    from im2latex.serving.web_export import export_page

    graphs = exported_folder(checkpoint or RELEASED, "onnx")
    if graphs is None:
        raise ArtifactError(f"{checkpoint}: has no model.safetensors; name the folder of a trained model")
    export_page(graphs, out, packages)
    typer.echo(f"{out}: written; python -m http.server --directory {out}")
