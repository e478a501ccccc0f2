"""Latency of an honest client under attack, and shutdown under load: python -m benchmarks.attacks FORMULAS --help

Starts `im2latex serve` on a free port of this machine. An honest client sends formulas and images in turn, each on a
connection of its own, alone and beside one kind of attackers by turns: median milliseconds of both, their ratio,
errors. All come from one address, so that limits by client tell them apart in nothing. At the end SIGTERM is sent
under all attacks at once: seconds to the end, answers, folders and tracebacks left.
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
from benchmarks.serving import drawn_images, free_port, wait_until_ready

_PATIENCE_SECONDS = 60
_SETTLE_SECONDS = 2
_NESTED, _SLOW, _IDLE, _JPEG = 8, 64, 530, 6
_SCANS = 5000
_JPEG_SIDE = 4960
_FOLDERS = (Path("/dev/shm"), Path(tempfile.gettempdir()))

Attack = Callable[[str], Awaitable[None]]
app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
def measure(
    formulas: Annotated[Path, typer.Argument(help="formulas of the honest client: .txt, .jsonl, .csv or .parquet")],
    seconds: Annotated[float, typer.Option(help="of each turn")] = 10,
    turns: Annotated[int, typer.Option(help="alone and attacked, for each attack")] = 3,
    attacks: Annotated[str, typer.Option(help="which, by comma")] = "nested,slow,idle,jpeg",
) -> None:
    """Each attack by turns with none, then the stop."""
    texts = load(formulas, 40)
    images = drawn_images(texts)
    chosen = attacks.split(",")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    before = _scratch_folders()
    with tempfile.TemporaryFile("w+") as log:
        command = [sys.executable, "-m", "im2latex.cli", "serve", "--quiet", "--port", str(port)]
        server = subprocess.Popen(command, stderr=log)
        try:
            wait_until_ready(url, server)
            asyncio.run(_honest(url, texts, images, _SETTLE_SECONDS))
            result: dict[str, object] = {"seconds": seconds, "turns": turns}
            for name in chosen:
                result[name] = _beside(name, url, texts, images, seconds, turns)
            result["stop"] = _stop(server, url, chosen, texts, images)
        finally:
            server.kill()
            server.wait()
        log.seek(0)
        result["tracebacks"] = log.read().count("Traceback")
        result["folders_left"] = len(_scratch_folders() - before)
    save("attacks", result)


def _beside(
    name: str, url: str, texts: list[str], images: list[bytes], seconds: float, turns: int
) -> dict[str, object]:
    """Medians of the honest client with and without this attack."""
    alone, attacked = _Tally(), _Tally()
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


class _Tally:
    """Times by route, and errors."""

    def __init__(self) -> None:
        self.milliseconds: dict[str, list[float]] = {"render": [], "predict": []}
        self.errors: Counter[str] = Counter()

    def summary(self) -> dict[str, object]:
        """Requests and medians by route."""
        found: dict[str, object] = {"errors": dict(self.errors)}
        for kind, times in self.milliseconds.items():
            found[kind] = {"requests": len(times), "median_ms": round(statistics.median(times), 1) if times else None}
        return found


async def _honest(
    url: str, texts: list[str], images: list[bytes], seconds: float, tally: _Tally | None = None
) -> _Tally:
    """Send a formula and an image in turn, each when the one before was answered."""
    tally = tally or _Tally()
    until = time.monotonic() + seconds
    place = 0
    limits = httpx2.Limits(max_keepalive_connections=0)
    async with httpx2.AsyncClient(timeout=_PATIENCE_SECONDS, limits=limits) as http:
        while time.monotonic() < until:
            for kind in ("render", "predict"):
                began = time.perf_counter()
                try:
                    if kind == "render":
                        answer = await http.post(f"{url}/render", json={"latex": texts[place % len(texts)]})
                    else:
                        answer = await http.post(f"{url}/predict", content=images[place % len(images)])
                except httpx2.TransportError as error:
                    tally.errors[type(error).__name__] += 1
                    return tally
                if answer.status_code in (200, 422):
                    tally.milliseconds[kind].append(1000 * (time.perf_counter() - began))
                else:
                    tally.errors[f"{answer.status_code} {answer.json()['error']}"] += 1
            place += 1
    return tally


def _stop(
    server: "subprocess.Popen[bytes]", url: str, attacks: list[str], texts: list[str], images: list[bytes]
) -> dict[str, object]:
    """SIGTERM under all attacks and an honest client."""
    with _attackers(attacks, url):
        time.sleep(_SETTLE_SECONDS)

        async def scene() -> tuple[_Tally, float]:
            client = asyncio.create_task(_honest(url, texts, images, _PATIENCE_SECONDS))
            await asyncio.sleep(_SETTLE_SECONDS)
            server.terminate()
            began = time.monotonic()
            await asyncio.to_thread(server.wait, _PATIENCE_SECONDS)
            seconds = time.monotonic() - began
            return await client, seconds

        tally, seconds = asyncio.run(scene())
    return {"seconds": seconds, "status": server.returncode, "errors": dict(tally.errors)}


def _scratch_folders() -> set[Path]:
    return {path for folder in _FOLDERS for path in folder.glob("im2latex-run-*")}


@contextmanager
def _attackers(names: list[str], url: str) -> Iterator[None]:
    """A process for each attack, for the time of the context."""
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
        "nested": (_NESTED, _nested),
        "slow": (_SLOW, _slow_body),
        "idle": (_IDLE, _idle_connection),
        "jpeg": (_JPEG, _many_scans),
    }[name]

    async def forever(number: int) -> None:
        while True:
            with suppress(OSError, httpx2.HTTPError):
                await attack(url, number)
            await asyncio.sleep(0.1)

    async def all_of_them() -> None:
        await asyncio.gather(*(forever(number) for number in range(count)))

    asyncio.run(all_of_them())


async def _nested(url: str, number: int) -> None:
    r"""A formula whose time doubles, and more, with each of its levels."""
    latex = r"\text{$" * 30 + "abcdefgh"[number % 8] + "$}" * 30
    async with httpx2.AsyncClient(timeout=_PATIENCE_SECONDS) as http:
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
    """A small JPEG that takes long to decode."""
    image = progressive_jpeg(_JPEG_SIDE, _SCANS)
    async with httpx2.AsyncClient(timeout=_PATIENCE_SECONDS) as http:
        while True:
            await http.post(f"{url}/predict", content=image)


def progressive_jpeg(side: int, scans: int) -> bytes:
    """White, with its last scan repeated."""
    file = io.BytesIO()
    Image.new("L", (side, side), 255).save(file, "JPEG", progressive=True)
    whole = file.getvalue()
    last = whole.rindex(b"\xff\xda")
    return whole[:-2] + whole[last:-2] * scans + whole[-2:]


if __name__ == "__main__":
    app()
