"""PDF pages inspected and drawn with pdfium, the PDF library of Chromium, in a sandboxed worker process.

`Pdfium` sends documents to `pdfium_worker` and checks what comes back. The worker of a thread is started at the
first request, serves one request at a time, is replaced where it died or took too long, and ends with the thread.
"""

import json
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from im2latex.errors import ToolError
from im2latex.parallel import cancellation
from im2latex.rendering.rasterizers.pdfium_worker import HEADER
from im2latex.sandbox import process
from im2latex.sandbox.worker import Deadline, PythonWorker, WorkerError

_MOST_HEADER = 1 << 24
_MEMORY_MB = 2048
_START_SECONDS = 60.0
_SECONDS_PER_PAGE = 1.0
_CLOCK_FACTOR = 10
"""Clock time for each second of the processor, so that a busy machine fails no page."""
_BLANK = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
)
_OF_THREAD = threading.local()


class Pdfium:
    """A worker process and the document it holds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._worker: PythonWorker | None = None
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
        with process.temporary_folder() as folder:
            blank = folder / "blank.pdf"
            blank.write_bytes(_BLANK)
            try:
                self._ask(blank, [1], None)
            except WorkerError as error:
                raise ToolError(f"{error}; reinstall the Python package pypdfium2, and see `im2latex doctor`") from None

    def _ask(self, pdf: Path, numbers: Sequence[int], dpi: int | None) -> tuple[list[object], list[NDArray[np.uint8]]]:
        seconds = _START_SECONDS + len(numbers) * _SECONDS_PER_PAGE
        with self._lock:
            worker = self._living()
            limit = Deadline(worker, _CLOCK_FACTOR * seconds, seconds)
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
            except cancellation.CallCancelledError:
                self._stop()
                raise
            except ToolError:
                self._give_up()
                raise
            except (OSError, ValueError, TypeError, KeyError) as error:
                self._give_up()
                raise WorkerError(f"pdfium failed on {pdf}: {error}") from None
        return answer["pages"], pages

    def _living(self) -> PythonWorker:
        """The worker, a new one where there is none; it ends with the thread that started it, a rule of Linux."""
        if self._worker is None or not self._worker.alive:
            self._stop()
            self._worker = PythonWorker("im2latex.rendering.rasterizers.pdfium_worker", _MEMORY_MB)
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


def shared() -> Pdfium:
    """The one of this thread: loading the library takes longer than drawing a hundred formulas.

    Threads share none, so that a page that takes long holds up no other thread.
    """
    found: Pdfium | None = getattr(_OF_THREAD, "pdfium", None)
    if found is None:
        found = _OF_THREAD.pdfium = Pdfium()
    return found


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
