"""PDF pages inspected and drawn with pdfium, the PDF library of Chromium, in a sandboxed worker process.

`Pdfium` sends documents to `pdfium_worker` and checks what comes back. The worker of a thread is started at the
first request, serves one request at a time, is replaced where it died or took too long, and ends with the thread.
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
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import im2latex
from im2latex import cancellation
from im2latex.errors import ToolError
from im2latex.rendering import process
from im2latex.rendering.pdfium_worker import HEADER
from im2latex.rendering.sandbox import FileAccess

_MOST_HEADER = 1 << 24
_MEMORY_MB = 2048
_START_SECONDS = 60.0
_SECONDS_PER_PAGE = 1.0
_CHUNK = 1 << 20
_FOR_LIFE = 1 << 20
"""Processor seconds: a request is limited by the clock, since the worker serves many."""
_OF_THREAD = threading.local()


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

        A page that brings the worker down is "too_complex".
        """
        try:
            faults, _ = self._ask(pdf, numbers, None)
        except WorkerError:
            if len(numbers) == 1:
                return {numbers[0]: "too_complex"}
            half = len(numbers) // 2
            return self.inspect(pdf, numbers[:half]) | self.inspect(pdf, numbers[half:])
        return {number: str(fault) for number, fault in zip(numbers, faults, strict=True) if fault is not None}

    def draw(self, pdf: Path, dpi: int, numbers: Sequence[int]) -> list[NDArray[np.uint8]]:
        """Draw pages: uint8 (H, W), 255 paper and 0 ink, the crop box at `dpi`; raises `WorkerError`."""
        _, pages = self._ask(pdf, numbers, dpi)
        return pages

    def _ask(self, pdf: Path, numbers: Sequence[int], dpi: int | None) -> tuple[list[object], list[NDArray[np.uint8]]]:
        deadline = time.monotonic() + _START_SECONDS + len(numbers) * _SECONDS_PER_PAGE
        with self._lock:
            worker = self._living()
            try:
                status = pdf.stat()
                identity = (pdf, status.st_ino, status.st_mtime_ns)
                content = b"" if identity == self._held else pdf.read_bytes()
                request = json.dumps({"pdf": len(content), "pages": list(numbers), "dpi": dpi}).encode()
                worker.send(HEADER.pack(len(request)) + request + content, deadline)
                self._held = identity
                (length,) = HEADER.unpack(worker.receive(HEADER.size, deadline))
                answer = _checked(worker.receive(min(length, _MOST_HEADER), deadline), len(numbers))
                if answer["error"] is not None:
                    raise WorkerError(f"pdfium cannot read {pdf}: {answer['error']}")
                shapes = [] if dpi is None else [_shape(page) for page in answer["pages"]]
                pages = [
                    np.frombuffer(worker.receive(height * width, deadline), np.uint8).reshape(height, width)
                    for height, width in shapes
                ]
            except (WorkerError, cancellation.CallCancelledError):
                self._stop()
                raise
            except (OSError, ValueError, TypeError, KeyError) as error:
                self._stop()
                raise WorkerError(f"pdfium failed on {pdf}: {error}") from None
        return answer["pages"], pages

    def _living(self) -> "_Worker":
        """The worker, a new one where there is none; it ends with the thread that started it, a rule of Linux."""
        if self._worker is None or not self._worker.alive:
            self._stop()
            self._worker = _Worker()
        return self._worker

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

    def send(self, content: bytes, deadline: float) -> None:
        """Write all of it; raises `WorkerError` after the deadline, `OSError` where the process has ended."""
        view = memoryview(content)
        while view:
            _wait(self._out, select.POLLOUT, deadline)
            view = view[os.write(self._out, view[:_CHUNK]) :]

    def receive(self, length: int, deadline: float) -> bytearray:
        """Read so many bytes."""
        content = bytearray()
        while len(content) < length:
            _wait(self._in, select.POLLIN, deadline)
            part = os.read(self._in, min(_CHUNK, length - len(content)))
            if not part:
                raise WorkerError("pdfium ended without an answer")
            content += part
        return content


def shared() -> Pdfium:
    """The one of this thread: loading the library takes longer than drawing a hundred formulas.

    Threads share none, so that a page that takes long holds up no other thread.
    """
    found: Pdfium | None = getattr(_OF_THREAD, "pdfium", None)
    if found is None:
        found = _OF_THREAD.pdfium = Pdfium()
    return found


def python_access() -> FileAccess:
    """What a Python process of this project imports: no file of a checkout but the package itself."""
    read = (sys.prefix, sys.base_prefix, str(Path(im2latex.__file__).parent))
    return FileAccess(read=tuple(map(Path, read)), listed=tuple(Path(place) for place in sys.path if place))


def _end(stack: contextlib.ExitStack, owner: int) -> None:
    if os.getpid() == owner:
        stack.close()


def _wait(descriptor: int, event: int, deadline: float) -> None:
    if not cancellation.ready(descriptor, event, deadline - time.monotonic()):
        raise WorkerError("pdfium was stopped at the time limit")


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
