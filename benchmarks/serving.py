"""Throughput and latency of the server under load: python -m benchmarks.serving FORMULAS --help

Starts `im2latex serve` on a free port of this machine and sends images of formulas, first from one client, then from
all: latency, throughput, CPU time (reliable on a busy machine), memory at the start and the end, errors.
"""

import asyncio
import socket
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import httpx2
import numpy as np
import psutil
import typer

from benchmarks.harness import load, save
from im2latex.images.arrays import encode_png, pad
from im2latex.rendering.renderer import RenderParams, TexRenderer

_MB = 1 << 20
_PADDING_PX = 16
_WARM_UP_SECONDS = 3  # the first requests allocate memory
_START_SECONDS = 120
_TIMEOUT_SECONDS = 90

app = typer.Typer(help=__doc__, add_completion=False)


@dataclass
class LoadResult:
    """Latencies and errors of one run."""

    seconds: float
    times: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)

    def summary(self) -> dict[str, object]:
        """Latency, requests per second, errors by kind."""
        milliseconds = 1000 * np.array(self.times or [np.nan])
        return {
            "requests": len(self.times),
            "per_second": len(self.times) / self.seconds,
            "median_ms": float(np.median(milliseconds)),
            "p95_ms": float(np.percentile(milliseconds, 95)),
            "max_ms": float(milliseconds.max()),
            "errors": dict(self.errors),
        }


@app.command()
def measure(
    formulas: Annotated[Path, typer.Argument(help="formulas to render and send: .txt, .jsonl, .csv or .parquet")],
    checkpoint: Annotated[Path | None, typer.Option(help="checkpoint folder; default the released checkpoint")] = None,
    clients: int = 20,
    seconds: float = 120,
    count: Annotated[int, typer.Option(help="number of images")] = 100,
    query: Annotated[
        str, typer.Option(help="query of the requests; default that of the page")
    ] = "candidates=5&attention=true",
) -> None:
    """Measure one client, then `clients` concurrent clients, each for `seconds`."""
    images = render_images(load(formulas, count))
    port = free_port()
    command = [sys.executable, "-m", "im2latex", "serve", "--quiet", "--port", str(port)]
    server = subprocess.Popen(command + (["--checkpoint", str(checkpoint)] if checkpoint else []))
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(url, server)
        send = f"{url}/predict?{query}"
        asyncio.run(_load(send, images, clients, _WARM_UP_SECONDS))
        alone = asyncio.run(_load(send, images, 1, min(seconds, 20)))
        process = psutil.Process(server.pid)
        before, cpu_before = process.memory_info().rss, process.cpu_times()
        together = asyncio.run(_load(send, images, clients, seconds))
        after, cpu = process.memory_info().rss, process.cpu_times()
    finally:
        server.terminate()
        stop_time = time.monotonic()
        status = server.wait(_TIMEOUT_SECONDS)
    figures: dict[str, object] = {
        "clients": clients,
        "seconds": seconds,
        "images": len(images),
        "query": query,
        "one_client": alone.summary(),
        "all_clients": together.summary(),
        "server_cpu_ms_per_request": 1000
        * (cpu.user + cpu.system - cpu_before.user - cpu_before.system)
        / max(1, len(together.times)),
        "server_mb": {"start": before / _MB, "end": after / _MB},
        "shutdown": {"status": status, "seconds": time.monotonic() - stop_time},
    }
    save("serving", figures)


async def _load(url: str, images: list[bytes], clients: int, seconds: float) -> LoadResult:
    """Send requests until the time is over; each client sends after the previous response."""
    result = LoadResult(seconds)
    until = time.monotonic() + seconds
    async with httpx2.AsyncClient(timeout=_TIMEOUT_SECONDS, limits=httpx2.Limits(max_connections=clients)) as http:

        async def client(number: int) -> None:
            position = number
            while time.monotonic() < until:
                began = time.perf_counter()
                try:
                    response = await http.post(url, content=images[position % len(images)])
                except httpx2.TransportError as error:
                    result.errors[type(error).__name__] += 1
                    continue
                if response.status_code == 200:
                    result.times.append(time.perf_counter() - began)
                else:
                    result.errors[f"{response.status_code} {response.json()['error']}"] += 1
                position += clients

        await asyncio.gather(*(client(number) for number in range(clients)))
    return result


def render_images(formulas: list[str]) -> list[bytes]:
    """PNG images of the formulas that render, at the resolution of a screenshot."""
    renderings = TexRenderer(RenderParams(rasterizer="pdfium", dpi=150)).render(formulas)
    return [encode_png(pad(one.pixels, _PADDING_PX)) for one in renderings if one.pixels is not None]


def free_port() -> int:
    """An unused port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def wait_until_ready(url: str, server: "subprocess.Popen[bytes]") -> None:
    """Wait until the server responds; exit where it does not."""
    for _ in range(10 * _START_SECONDS):
        try:
            httpx2.get(f"{url}/healthz").raise_for_status()
            return
        except httpx2.TransportError:
            if server.poll() is not None:
                raise SystemExit(f"the server ended with status {server.returncode}") from None
            time.sleep(0.1)
    raise SystemExit(f"the server did not answer within {_START_SECONDS} s")


if __name__ == "__main__":
    app()
