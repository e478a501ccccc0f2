"""The command that serves: the REST API and the web page."""

import hashlib
from pathlib import Path
from typing import Annotated

import typer

from im2latex.errors import UsageError
from im2latex.params import check


def serve(
    checkpoint: Annotated[
        Path | None, typer.Option("--checkpoint", help="folder of a trained model; the one of the package if not given")
    ] = None,
    host: Annotated[str, typer.Option("--host", help="address to listen on; 0.0.0.0 for all")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="port to listen on")] = 8000,
    device: Annotated[str, typer.Option("--device", help="where to compute: cpu, cuda, or auto")] = "auto",
    max_mb: Annotated[float, typer.Option("--max-mb", help="size of a request")] = 10,
    max_pixels: Annotated[int, typer.Option("--max-pixels", help="pixels of a picture")] = 25_000_000,
    max_requests: Annotated[int, typer.Option("--max-requests", help="requests at once; others are refused")] = 64,
    max_seconds: Annotated[float, typer.Option("--max-seconds", help="time to answer a request")] = 20,
    quiet: Annotated[bool, typer.Option("--quiet", help="say nothing but warnings")] = False,
) -> None:
    """Serve the REST API and the web page until Ctrl-C."""
    try:
        import fastapi  # noqa: F401
        import python_multipart  # noqa: F401
        import uvicorn  # noqa: F401
    except ModuleNotFoundError as error:
        raise UsageError(f"{error.name} is not installed; run: pip install 'im2latex[serve]'") from None
    import torch

    from im2latex.reading import RELEASED, Reader
    from im2latex.rendering.engine import RenderParams, TexRenderer
    from im2latex.serving.app import create_app
    from im2latex.serving.engines import Engine
    from im2latex.serving.limits import Limits
    from im2latex.serving.server import listener, run

    given = {"body_mb": max_mb, "pixels": max_pixels, "requests": max_requests, "seconds": max_seconds}
    limits = check(given, Limits, "options")
    # Threads that share one picture wait for each other at every token, and the other cores are wanted for drawing.
    torch.set_num_threads(1)
    listening = listener(host, port)
    reader = Reader.load(checkpoint, device)
    dpi = reader.checkpoint.pictures.get("dpi", 200)
    renderer = TexRenderer(RenderParams(rasterizer="pdfium", timeout_seconds=1, dpi=dpi), ready=2)
    with ((checkpoint or RELEASED) / "model.safetensors").open("rb") as file:
        weights = hashlib.file_digest(file, "sha256").hexdigest()
    engine = Engine(reader, renderer, weights, renderer.close)
    if not quiet:
        url = f"http://{f'[{host}]' if ':' in host else host}:{listening.getsockname()[1]}"
        typer.echo(f"im2latex serves {url}/ and {url}/docs; Ctrl-C stops it", err=True)
    run(create_app(engine, limits), limits, listening)
