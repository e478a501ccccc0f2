"""Latency of an honest client under attack, and shutdown under load: python -m benchmarks.attacks FORMULAS --help

Starts `im2latex serve` on a free port of this machine. An honest client alternates between formulas and images, each
on its own connection, in turns without and with one kind of attack: median milliseconds, their ratio, errors. All
clients share one address, so limits per client cannot separate them. At the end SIGTERM is sent under all attacks:
seconds until the exit, errors, remaining folders and tracebacks.
"""

import asyncio
import io
import json
import multiprocessing
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import httpx2
import typer
from PIL import Image

from benchmarks.harness import load, save
from benchmarks.serving import free_port, render_images, wait_until_ready

_TIMEOUT_SECONDS = 60
_SETTLE_SECONDS = 2
_NESTED_CLIENTS, _SLOW_CLIENTS, _IDLE_CLIENTS, _JPEG_CLIENTS = 8, 64, 530, 6
_SCANS = 5000
_JPEG_SIDE = 4960
_FOLDERS = (Path("/dev/shm"), Path(tempfile.gettempdir()))

Attack = Callable[[str], Awaitable[None]]
app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
def measure(
    formulas: Annotated[Path, typer.Argument(help="formulas of the honest client: .txt, .jsonl, .csv or .parquet")],
    seconds: Annotated[float, typer.Option(help="seconds of each turn")] = 10,
    turns: Annotated[int, typer.Option(help="turns without and with each attack")] = 3,
    attacks: Annotated[str, typer.Option(help="names of the attacks, separated by commas")] = "nested,slow,idle,jpeg",
) -> None:
    """Measure each attack, then the shutdown."""
    texts = load(formulas, 40)
    images = render_images(texts)
    chosen = attacks.split(",")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    before = _scratch_folders()
    with tempfile.TemporaryFile("w+") as log:
        command = [sys.executable, "-m", "im2latex", "serve", "--quiet", "--port", str(port)]
        server = subprocess.Popen(command, stderr=log)
        try:
            wait_until_ready(url, server)
            asyncio.run(_honest(url, texts, images, _SETTLE_SECONDS))
            result: dict[str, object] = {"seconds": seconds, "turns": turns}
            for name in chosen:
                result[name] = _measure_attack(name, url, texts, images, seconds, turns)
            result["shutdown"] = _shut_down(server, url, chosen, texts, images)
        finally:
            server.kill()
            server.wait()
        log.seek(0)
        result["tracebacks"] = log.read().count("Traceback")
        result["folders_left"] = len(_scratch_folders() - before)
    save("attacks", result)


def _measure_attack(
    name: str, url: str, texts: list[str], images: list[bytes], seconds: float, turns: int
) -> dict[str, object]:
    """Latency of the honest client without and with an attack."""
    alone, attacked = _Latencies(), _Latencies()
    for _ in range(turns):
        asyncio.run(_honest(url, texts, images, seconds, alone))
        with _attackers([name], url):
            time.sleep(_SETTLE_SECONDS)
            asyncio.run(_honest(url, texts, images, seconds, attacked))
        time.sleep(_SETTLE_SECONDS)
    found: dict[str, object] = {"alone": alone.summary(), "attacked": attacked.summary()}
    for kind in alone.milliseconds:
        if attacked.milliseconds[kind]:
            ratio = statistics.median(attacked.milliseconds[kind]) / statistics.median(alone.milliseconds[kind])
            found[f"{kind}_ratio"] = round(ratio, 2)
    print(name, json.dumps(found), flush=True)
    return found


class _Latencies:
    """Milliseconds by route, and errors."""

    def __init__(self) -> None:
        self.milliseconds: dict[str, list[float]] = {"render": [], "predict": []}
        self.errors: Counter[str] = Counter()

    def summary(self) -> dict[str, object]:
        """Number of requests and median by route, and errors."""
        found: dict[str, object] = {"errors": dict(self.errors)}
        for kind, times in self.milliseconds.items():
            found[kind] = {"requests": len(times), "median_ms": round(statistics.median(times), 1) if times else None}
        return found


async def _honest(
    url: str, texts: list[str], images: list[bytes], seconds: float, latencies: _Latencies | None = None
) -> _Latencies:
    """Send a formula and an image in turn, each after the response to the previous one."""
    latencies = latencies or _Latencies()
    until = time.monotonic() + seconds
    number = 0
    limits = httpx2.Limits(max_keepalive_connections=0)
    async with httpx2.AsyncClient(timeout=_TIMEOUT_SECONDS, limits=limits) as http:
        while time.monotonic() < until:
            for kind in ("render", "predict"):
                began = time.perf_counter()
                try:
                    if kind == "render":
                        response = await http.post(f"{url}/render", json={"latex": texts[number % len(texts)]})
                    else:
                        response = await http.post(f"{url}/predict", content=images[number % len(images)])
                except httpx2.TransportError as error:
                    latencies.errors[type(error).__name__] += 1
                    return latencies
                if response.status_code in (200, 422):
                    latencies.milliseconds[kind].append(1000 * (time.perf_counter() - began))
                else:
                    latencies.errors[f"{response.status_code} {response.json()['error']}"] += 1
            number += 1
    return latencies


def _shut_down(
    server: "subprocess.Popen[bytes]", url: str, attacks: list[str], texts: list[str], images: list[bytes]
) -> dict[str, object]:
    """Send SIGTERM under all attacks and an honest client."""
    with _attackers(attacks, url):
        time.sleep(_SETTLE_SECONDS)

        async def terminate_under_load() -> tuple[_Latencies, float]:
            client = asyncio.create_task(_honest(url, texts, images, _TIMEOUT_SECONDS))
            await asyncio.sleep(_SETTLE_SECONDS)
            server.terminate()
            began = time.monotonic()
            await asyncio.to_thread(server.wait, _TIMEOUT_SECONDS)
            seconds = time.monotonic() - began
            return await client, seconds

        latencies, seconds = asyncio.run(terminate_under_load())
    return {"seconds": seconds, "status": server.returncode, "errors": dict(latencies.errors)}


def _scratch_folders() -> set[Path]:
    return {path for folder in _FOLDERS for path in folder.glob("im2latex-run-*")}


@contextmanager
def _attackers(names: list[str], url: str) -> Iterator[None]:
    """Run a process for each attack within the context."""
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_attack, args=(name, url)) for name in names]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.join()


def _attack(name: str, url: str) -> None:
    count, attack = {
        "nested": (_NESTED_CLIENTS, _nested),
        "slow": (_SLOW_CLIENTS, _slow_body),
        "idle": (_IDLE_CLIENTS, _idle_connection),
        "jpeg": (_JPEG_CLIENTS, _many_scans),
    }[name]

    async def forever(number: int) -> None:
        while True:
            with suppress(OSError, httpx2.HTTPError):
                await attack(url, number)
            await asyncio.sleep(0.1)

    async def attack_all() -> None:
        await asyncio.gather(*(forever(number) for number in range(count)))

    asyncio.run(attack_all())


async def _nested(url: str, number: int) -> None:
    r"""A formula whose time more than doubles with each level."""
    latex = r"\text{$" * 30 + "abcdefgh"[number % 8] + "$}" * 30
    async with httpx2.AsyncClient(timeout=_TIMEOUT_SECONDS) as http:
        while True:
            await http.post(f"{url}/render", json={"latex": latex})


async def _slow_body(url: str, _: int) -> None:
    """A chunked body that never ends."""
    reader, writer = await _connected(url)
    writer.write(b"POST /render HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n")
    while not reader.at_eof():
        writer.write(b"1\r\nx\r\n")
        await writer.drain()
        with suppress(TimeoutError):
            await asyncio.wait_for(reader.read(1000), 1)
    writer.close()


async def _idle_connection(url: str, _: int) -> None:
    """A connection without a request."""
    reader, writer = await _connected(url)
    await reader.read(1000)
    writer.close()


async def _connected(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(urlsplit(url).hostname, urlsplit(url).port)


async def _many_scans(url: str, _: int) -> None:
    """A small JPEG that is slow to decode."""
    image = progressive_jpeg(_JPEG_SIDE, _SCANS)
    async with httpx2.AsyncClient(timeout=_TIMEOUT_SECONDS) as http:
        while True:
            await http.post(f"{url}/predict", content=image)


def progressive_jpeg(side: int, scans: int) -> bytes:
    """A white progressive JPEG whose last scan is repeated."""
    file = io.BytesIO()
    Image.new("L", (side, side), 255).save(file, "JPEG", progressive=True)
    whole = file.getvalue()
    last = whole.rindex(b"\xff\xda")
    return whole[:-2] + whole[last:-2] * scans + whole[-2:]


if __name__ == "__main__":
    app()
