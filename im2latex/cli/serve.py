"""The command that serves: the REST API and the web page."""

import ipaddress
from pathlib import Path
from typing import Annotated

import typer

from im2latex.config import check
from im2latex.errors import UsageError

_QUICK_SECONDS = 0.25
"""Processor time in which a formula is drawn before those that need more: over ten times what one takes."""


def serve(
    checkpoint: Annotated[
        Path | None, typer.Option("--checkpoint", help="folder of a trained model; the one of the package if not given")
    ] = None,
    host: Annotated[str, typer.Option("--host", help="address to listen on; 0.0.0.0 for all")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="port to listen on")] = 8000,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allowed-host",
            metavar="NAME",
            help="further name to answer to; loopback and the address of --host need none; repeatable",
        ),
    ] = None,
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(
            "--trusted-proxy",
            metavar="ADDRESS",
            help="address of a reverse proxy whose X-Forwarded-For tells the client; repeatable",
        ),
    ] = None,
    allow_unsandboxed: Annotated[
        bool,
        typer.Option(
            "--allow-unsandboxed", help="listen beyond loopback where neither Landlock and seccomp nor bubblewrap work"
        ),
    ] = False,
    device: Annotated[str, typer.Option("--device", help="where to compute: cpu, cuda, or auto")] = "auto",
    max_mb: Annotated[float, typer.Option("--max-mb", help="size of a request")] = 10,
    max_pixels: Annotated[int, typer.Option("--max-pixels", help="pixels of an image")] = 25_000_000,
    max_requests: Annotated[int, typer.Option("--max-requests", help="requests at once; others are refused")] = 64,
    max_per_client: Annotated[int, typer.Option("--max-per-client", help="requests of one address at once")] = 32,
    max_rate: Annotated[float, typer.Option("--max-rate", help="requests a second of one address")] = 300,
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
    from im2latex.sandbox import restrictions
    from im2latex.serving.hosts import AllowedHosts
    from im2latex.serving.limits import Limits
    from im2latex.serving.server import leave, listener, run

    given = {
        "body_mb": max_mb,
        "pixels": max_pixels,
        "requests": max_requests,
        "per_client": max_per_client,
        "rate": max_rate,
        "seconds": max_seconds,
    }
    limits = check(given, Limits, "options")
    hosts = AllowedHosts(host, allowed_host or ())
    for proxy in trusted_proxy or ():
        _check_network(proxy)
    listening = listener(host, port, unsandboxed=allow_unsandboxed)
    if not restrictions.support().complete:
        typer.echo(f"im2latex: {restrictions.UNRESTRICTED}; {restrictions.REMEDY}", err=True)

    with listening:
        import torch

        from im2latex.inference.predictor import load
        from im2latex.io.hashing import sha256_of
        from im2latex.io.manifest import RELEASED
        from im2latex.parallel.workers import worker_count
        from im2latex.rendering.renderer import RenderParams, TexRenderer
        from im2latex.serving.app import create_app
        from im2latex.serving.backend import Engine

        # Threads that share one image wait for each other at every token; the server reads on a thread a core.
        torch.set_num_threads(1)
        reader = load(checkpoint, device=device)
        params = RenderParams(rasterizer="pdfium", timeout_seconds=1, dpi=reader.checkpoint.images.get("dpi", 200))
        quick = TexRenderer(params.model_copy(update={"timeout_seconds": _QUICK_SECONDS}), pool_size=2)
        weights = sha256_of((checkpoint or RELEASED) / "model.safetensors")
        patient = TexRenderer(params, background=True)
        engine = Engine(reader, quick, weights, patient, quick.close, reading_threads=worker_count())
        if not quiet:
            url = f"http://{f'[{host}]' if ':' in host else host}:{listening.getsockname()[1]}"
            typer.echo(f"im2latex serves {url}/ and {url}/docs; Ctrl-C stops it", err=True)
        run(create_app(engine, limits), limits, listening, hosts, trusted_proxy or ())
    leave()


def _check_network(address: str) -> None:
    try:
        ipaddress.ip_network(address)
    except ValueError:
        raise UsageError(f"--trusted-proxy {address}: give an IP address or network, such as 10.0.0.0/8") from None
