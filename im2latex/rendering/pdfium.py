"""PDF pages inspected and drawn with pdfium, the PDF library of Chromium, in a sandboxed worker process.

`Pdfium` sends documents to `pdfium_worker` and checks what comes back. The worker of this process is started at the
first request, serves one request at a time, is replaced where it died or took too long, and ends with this process.
"""

import contextlib
import json
import os
import select
import sys
import threading
import time
import weakref
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import im2latex
from im2latex.errors import ToolError
from im2latex.rendering import process
from im2latex.rendering.pdfium_worker import HEADER
from im2latex.rendering.sandbox import FileAccess

_MOST_HEADER = 1 << 24
_MEMORY_MB = 2048
_START_SECONDS = 60.0
_SECONDS_PER_PAGE = 1.0
_CLOCK_FACTOR = 10
_CPU_CLOCK = 2
_POLL_MILLISECONDS = 200
_CHUNK = 1 << 20
_BLANK = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
)
_FOR_LIFE = 1 << 20
"""Processor seconds: a request is limited by the clock, since the worker serves many."""


class WorkerError(ToolError):
    """The worker refused the document, died, or took too long; another part of its pages may still succeed."""


class Pdfium:
    """A worker process and the document it holds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._worker: _Worker | None = None
        self._held: tuple[Path, int, int] | None = None

    def inspect(self, pdf: Path, numbers: Sequence[int]) -> dict[int, str]:
        """Return those of the pages `numbers` (from 1) that cannot be drawn as they are: "clipped" or "too_complex".

        A page that brings the worker down is "too_complex"; raises `ToolError` where a blank page does so too.
        """
        try:
            faults, _ = self._ask(pdf, numbers, None)
        except WorkerError:
            if len(numbers) == 1:
                self._prove()
                return {numbers[0]: "too_complex"}
            half = len(numbers) // 2
            return self.inspect(pdf, numbers[:half]) | self.inspect(pdf, numbers[half:])
        return {number: str(fault) for number, fault in zip(numbers, faults, strict=True) if fault is not None}

    def draw(self, pdf: Path, dpi: int, numbers: Sequence[int]) -> list[NDArray[np.uint8]]:
        """Draw pages: uint8 (H, W), 255 paper and 0 ink, the crop box at `dpi`; raises `WorkerError`."""
        _, pages = self._ask(pdf, numbers, dpi)
        return pages

    def _prove(self) -> None:
        """Raise `ToolError` where the library does not work at all."""
        with process.throwaway_folder() as folder:
            blank = folder / "blank.pdf"
            blank.write_bytes(_BLANK)
            try:
                self._ask(blank, [1], None)
            except WorkerError as error:
                raise ToolError(f"{error}; reinstall the Python package pypdfium2, and see `im2latex doctor`") from None

    def _ask(self, pdf: Path, numbers: Sequence[int], dpi: int | None) -> tuple[list[object], list[NDArray[np.uint8]]]:
        with self._lock:
            worker = self._living()
            limit = _Limit(worker.pid, _START_SECONDS + len(numbers) * _SECONDS_PER_PAGE)
            try:
                status = pdf.stat()
                identity = (pdf, status.st_ino, status.st_mtime_ns)
                content = b"" if identity == self._held else pdf.read_bytes()
                request = json.dumps({"pdf": len(content), "pages": list(numbers), "dpi": dpi}).encode()
                worker.send(HEADER.pack(len(request)) + request + content, limit)
                self._held = identity
                (length,) = HEADER.unpack(worker.receive(HEADER.size, limit))
                answer = _checked(worker.receive(min(length, _MOST_HEADER), limit), len(numbers))
                if answer["error"] is not None:
                    raise WorkerError(f"pdfium cannot read {pdf}: {answer['error']}")
                shapes = [] if dpi is None else [_shape(page) for page in answer["pages"]]
                pages = [
                    np.frombuffer(worker.receive(height * width, limit), np.uint8).reshape(height, width)
                    for height, width in shapes
                ]
            except ToolError:
                self._give_up()
                raise
            except (OSError, ValueError, TypeError, KeyError) as error:
                self._give_up()
                raise WorkerError(f"pdfium failed on {pdf}: {error}") from None
        return answer["pages"], pages

    def _living(self) -> "_Worker":
        """The worker, a new one where there is none; it ends with the thread that started it, a rule of Linux."""
        if self._worker is None or not self._worker.alive:
            self._stop()
            self._worker = _Worker()
        return self._worker

    def _give_up(self) -> None:
        """End a worker that failed; raises `ToolError` where somebody else killed it: no page is to blame."""
        killed = self._worker is not None and self._worker.killed
        self._stop()
        if killed:
            raise ToolError(process.killed_message("pdfium"))

    def _stop(self) -> None:
        if self._worker is not None:
            self._worker.end()
        self._worker, self._held = None, None


class _Worker:
    """The process and the two pipes to it."""

    def __init__(self) -> None:
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(process.throwaway_folder())
            theirs_in, self._out = os.pipe()
            self._in, theirs_out = os.pipe()
            for descriptor in (self._out, self._in):
                os.set_blocking(descriptor, False)
                stack.callback(os.close, descriptor)
            try:
                child = process.Child(
                    [sys.executable, "-m", "im2latex.rendering.pdfium_worker", str(theirs_in), str(theirs_out)],
                    cwd=folder,
                    cpu_seconds=_FOR_LIFE,
                    memory_mb=_MEMORY_MB,
                    file_mb=1,
                    access=python_access(),
                    env={"PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1"},
                    inherited=(theirs_in, theirs_out),
                )
            finally:
                os.close(theirs_in)
                os.close(theirs_out)
            stack.callback(child.kill)
            self._child = child
            self._owner = os.getpid()
            self.end = weakref.finalize(self, _end, stack.pop_all(), self._owner)

    @property
    def alive(self) -> bool:
        """Whether it runs, and was started by this process rather than by the one that this one was forked from."""
        return self._owner == os.getpid() and self._child.alive

    @property
    def killed(self) -> bool:
        """Whether somebody else has killed it."""
        return self._owner == os.getpid() and self._child.killed

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._child.pid

    def send(self, content: bytes, limit: "_Limit") -> None:
        """Write all of it; raises `WorkerError` at the limit, `OSError` where the process has ended."""
        view = memoryview(content)
        while view:
            _wait(self._out, select.POLLOUT, limit)
            view = view[os.write(self._out, view[:_CHUNK]) :]

    def receive(self, length: int, limit: "_Limit") -> bytearray:
        """Read so many bytes."""
        content = bytearray()
        while len(content) < length:
            _wait(self._in, select.POLLIN, limit)
            part = os.read(self._in, min(_CHUNK, length - len(content)))
            if not part:
                raise WorkerError("pdfium ended without an answer")
            content += part
        return content


@cache
def shared() -> Pdfium:
    """The one of this process: loading the library takes longer than drawing a hundred formulas."""
    return Pdfium()


def python_access() -> FileAccess:
    """What a Python process of this project imports: no file of a checkout but the package itself."""
    read = (sys.prefix, sys.base_prefix, str(Path(im2latex.__file__).parent))
    return FileAccess(read=tuple(map(Path, read)), listed=tuple(Path(place) for place in sys.path if place))


def _end(stack: contextlib.ExitStack, owner: int) -> None:
    if os.getpid() == owner:
        stack.close()


class _Limit:
    """Processor time of a worker for one request; by the clock it has more, so that a busy machine fails no page."""

    def __init__(self, pid: int, seconds: float) -> None:
        self._pid = pid
        self._until = self._spent() + seconds
        self._clock_until = time.monotonic() + _CLOCK_FACTOR * seconds

    def check(self) -> None:
        """Raise `WorkerError` where the processor time is used up, `ToolError` where only the time of the clock is."""
        if self._spent() > self._until:
            raise WorkerError("pdfium was stopped at the time limit")
        if time.monotonic() > self._clock_until:
            raise ToolError(process.stalled_message("pdfium"))

    def _spent(self) -> float:
        if sys.platform != "linux":
            return time.monotonic()
        try:
            return time.clock_gettime(~self._pid << 3 | _CPU_CLOCK)  # clock_getcpuclockid(3), as glibc has it
        except OSError:  # it has ended
            return 0.0


def _wait(descriptor: int, event: int, limit: _Limit) -> None:
    poll = select.poll()
    poll.register(descriptor, event)
    while not poll.poll(_POLL_MILLISECONDS):
        limit.check()


def _checked(header: bytes | bytearray, pages: int) -> dict[str, list[object]]:
    answer = json.loads(header)
    if not isinstance(answer, dict) or (answer["error"] is None and len(answer["pages"]) != pages):
        raise ValueError("the answer does not fit the request")
    return answer


def _shape(page: object) -> tuple[int, int]:
    """Height and width as the worker states them; no page of the renderer is larger."""
    if isinstance(page, list) and len(page) == 2 and all(isinstance(side, int) and 0 < side < 1 << 15 for side in page):
        return page[0], page[1]
    raise ValueError(f"{page!r} is no size of a page")
