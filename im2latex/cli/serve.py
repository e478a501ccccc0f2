"""Command `serve`: the REST API and the web page."""

import ipaddress
from typing import Annotated

import typer

from im2latex.cli.options import Checkpoint, Device, Engine
from im2latex.errors import UsageError

_FIRST_TIMEOUT_SECONDS = 0.25
"""CPU time of the first attempt to render a formula: over ten times what one usually takes."""


def serve(
    checkpoint: Checkpoint = None,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="address to listen on; 0.0.0.0 for all")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", "-p", metavar="PORT", min=0, max=65535, help="port to listen on; 0 for a free one")
    ] = 8000,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allowed-host",
            metavar="NAME",
            help="another name to accept requests for, beside loopback and the address of --host; repeatable",
        ),
    ] = None,
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(
            "--trusted-proxy",
            metavar="ADDRESS",
            help="address of a reverse proxy whose X-Forwarded-For is used as the client address; repeatable",
        ),
    ] = None,
    allow_unsandboxed: Annotated[
        bool,
        typer.Option(
            "--allow-unsandboxed", help="listen beyond loopback where neither Landlock and seccomp nor bubblewrap work"
        ),
    ] = False,
    engine: Engine = "auto",
    device: Device = "auto",
    max_mb: Annotated[float, typer.Option("--max-mb", metavar="MB", help="size of a request")] = 10,
    max_pixels: Annotated[int, typer.Option("--max-pixels", help="pixels of an image")] = 25_000_000,
    max_requests: Annotated[int, typer.Option("--max-requests", help="requests in progress; more are rejected")] = 64,
    max_per_client: Annotated[int, typer.Option("--max-per-client", help="requests of one client in progress")] = 32,
    max_rate: Annotated[float, typer.Option("--max-rate", help="requests per second of one client")] = 300,
    max_seconds: Annotated[
        float, typer.Option("--max-seconds", metavar="SECONDS", help="time to respond to a request")
    ] = 20,
    quiet: Annotated[bool, typer.Option("--quiet", help="print only warnings")] = False,
) -> None:
    """Start the web page and the REST API; Ctrl-C stops them.

    Examples:
        im2latex serve
        im2latex serve --port 9000 --checkpoint data/train
        im2latex serve --host 0.0.0.0 --allowed-host formulas.example.org

    """
    # The whole extra first, so that a missing part of it is reported before anything is loaded.
    import fastapi  # noqa: F401
    import python_multipart  # noqa: F401
    import uvicorn  # noqa: F401

    from im2latex.config import check
    from im2latex.sandbox import sandbox
    from im2latex.serving.limits import ServerLimits
    from im2latex.serving.middleware import AllowedHosts
    from im2latex.serving.server import exit_process, open_socket, run

    options = {
        "max_body_mb": max_mb,
        "max_pixels": max_pixels,
        "max_requests": max_requests,
        "max_requests_per_client": max_per_client,
        "max_rate": max_rate,
        "timeout_seconds": max_seconds,
    }
    limits = check(options, ServerLimits, "options")
    hosts = AllowedHosts(host, allowed_host or ())
    for proxy in trusted_proxy or ():
        _check_network(proxy)
    listener = open_socket(host, port, allow_unsandboxed=allow_unsandboxed)
    if not sandbox.support().complete:
        typer.echo(f"im2latex: {sandbox.UNRESTRICTED}; {sandbox.REMEDY}", err=True)

    with listener:
        from im2latex.inference.predictor import load
        from im2latex.io.hashing import sha256_of
        from im2latex.io.manifest import RELEASED
        from im2latex.parallel.process_pool import worker_count
        from im2latex.rendering.renderer import RenderParams, TexRenderer
        from im2latex.serving.app import create_app
        from im2latex.serving.backend import Backend

        # Threads that share one image wait for each other at every token; the server predicts on one thread per core.
        predictor = load(checkpoint, engine=engine, device=device, threads=1)
        params = RenderParams(rasterizer="pdfium", timeout_seconds=1, dpi=predictor.config.images.get("dpi", 200))
        renderer = TexRenderer(params.model_copy(update={"timeout_seconds": _FIRST_TIMEOUT_SECONDS}), pool_size=2)
        weights = sha256_of((checkpoint or RELEASED) / "model.safetensors")
        slow_renderer = TexRenderer(params, background=True)
        backend = Backend(predictor, renderer, weights, slow_renderer, renderer.close, predictor_threads=worker_count())
        if not quiet:
            url = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"
            typer.echo(f"im2latex serves {url}/ and {url}/docs; Ctrl-C stops it", err=True)
        run(create_app(backend, limits), limits, listener, hosts, trusted_proxy or ())
    exit_process()


def _check_network(address: str) -> None:
    try:
        ipaddress.ip_network(address)
    except ValueError:
        raise UsageError(f"--trusted-proxy {address}: not an IP address or network, such as 10.0.0.0/8") from None
