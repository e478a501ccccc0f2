"""pdfium, the PDF library of Chromium: the inspection of PDF pages for all rasterizers, and a rasterizer.

It runs in a sandboxed worker process (`pdfium_worker`), whose answers are validated; its version is that of the Python
wheel. Each thread has a worker of its own, which starts at the first request, serves one request at a time, is replaced
after it ended or took too long, and ends with the thread.
"""

import json
import math
import threading
from collections.abc import Iterator, Sequence
from importlib import metadata
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from im2latex.errors import ToolError
from im2latex.images.arrays import Pixels
from im2latex.parallel import cancellation
from im2latex.rendering.rasterizers.base import Rasterizer, RasterizerError
from im2latex.rendering.rasterizers.pdfium_worker import HEADER
from im2latex.sandbox import process, scratch
from im2latex.sandbox.python_worker import Deadline, PythonWorker, WorkerError

_MAX_HEADER_BYTES = 1 << 24
_MEMORY_MB = 2048
_START_SECONDS = 60.0
_SECONDS_PER_PAGE = 1.0
_PAGES_PER_REQUEST = 32
"""So few that their pixels stay in the cache of the processor and in memory that is used again."""
_WALL_FACTOR = 10
"""Wall-clock time for each second of CPU time, so that a busy machine fails no page."""
_BLANK_PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
)
_THREAD_LOCAL = threading.local()


class PdfRasterizer(Rasterizer):
    """A rasterizer that reads PDF, whose pages pdfium inspects before they are drawn."""

    def page_faults(
        self,
        path: Path,
        numbers: Sequence[int],
        max_size: tuple[int, int],  # noqa: ARG002
    ) -> dict[int, str]:
        return thread_client().inspect(path, numbers)


class Pdfium(PdfRasterizer):
    """Draws pages in the worker process."""

    name = "pdfium"
    wheels = ("pypdfium2",)

    def identity(self) -> str:
        return f"pdfium {metadata.version('pypdfium2')}"

    def pages(self, path: Path, dpi: int, numbers: Sequence[int]) -> Iterator[Pixels]:
        try:
            for start in range(0, len(numbers), _PAGES_PER_REQUEST):
                yield from thread_client().draw(path, dpi, numbers[start : start + _PAGES_PER_REQUEST])
        except WorkerError as error:
            raise RasterizerError(str(error)) from None


class PdfiumClient:
    """A worker process and the document that it has loaded."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._worker: PythonWorker | None = None
        self._loaded: tuple[Path, int, int] | None = None

    def inspect(self, pdf: Path, numbers: Sequence[int]) -> dict[int, str]:
        """Find those of the pages `numbers` (from 1) that cannot be drawn as they are: "clipped" or "too_complex".

        A page that ends the worker is "too_complex"; raises `ToolError` where a blank page does so too.
        """
        try:
            faults, _ = self._request(pdf, numbers, None)
        except WorkerError:
            if len(numbers) == 1:
                self._check_library()
                return {numbers[0]: "too_complex"}
            half = len(numbers) // 2
            return self.inspect(pdf, numbers[:half]) | self.inspect(pdf, numbers[half:])
        return {number: str(fault) for number, fault in zip(numbers, faults, strict=True) if fault is not None}

    def draw(self, pdf: Path, dpi: int, numbers: Sequence[int]) -> list[NDArray[np.uint8]]:
        """Draw pages: uint8 (H, W), 255 paper and 0 ink, the crop box at `dpi`; raises `WorkerError`."""
        _, pages = self._request(pdf, numbers, dpi)
        return pages

    def _check_library(self) -> None:
        """Raise `ToolError` where the library does not work at all."""
        with scratch.temporary_folder() as folder:
            blank = folder / "blank.pdf"
            blank.write_bytes(_BLANK_PDF)
            try:
                self._request(blank, [1], None)
            except WorkerError as error:
                raise ToolError(f"{error}; reinstall the Python package pypdfium2, and see `im2latex doctor`") from None

    def _request(
        self, pdf: Path, numbers: Sequence[int], dpi: int | None
    ) -> tuple[list[object], list[NDArray[np.uint8]]]:
        seconds = _START_SECONDS + len(numbers) * _SECONDS_PER_PAGE
        with self._lock:
            worker = self._running_worker()
            deadline = Deadline(worker, _WALL_FACTOR * seconds, seconds)
            try:
                status = pdf.stat()
                identity = (pdf, status.st_ino, status.st_mtime_ns)
                content = b"" if identity == self._loaded else pdf.read_bytes()
                request = json.dumps({"pdf": len(content), "pages": list(numbers), "dpi": dpi}).encode()
                worker.send(HEADER.pack(len(request)) + request + content, deadline)
                self._loaded = identity
                (length,) = HEADER.unpack(worker.receive(HEADER.size, deadline))
                answer = _parse_header(worker.receive(min(length, _MAX_HEADER_BYTES), deadline), len(numbers))
                if answer["error"] is not None:
                    raise WorkerError(f"pdfium cannot read {pdf}: {answer['error']}")
                shapes = [] if dpi is None else [_page_shape(page) for page in answer["pages"]]
                pixels = np.frombuffer(worker.receive(sum(map(math.prod, shapes)), deadline), np.uint8)
                ends = list(accumulate(map(math.prod, shapes), initial=0))
                pages = [
                    pixels[start:end].reshape(shape) for (start, end), shape in zip(pairwise(ends), shapes, strict=True)
                ]
            except cancellation.CallCancelledError:
                self._stop()
                raise
            except ToolError:
                self._discard_worker()
                raise
            except (OSError, ValueError, TypeError, KeyError) as error:
                self._discard_worker()
                raise WorkerError(f"pdfium failed on {pdf}: {error}") from None
        return answer["pages"], pages

    def _running_worker(self) -> PythonWorker:
        """The worker, started where there is none; on Linux it ends with the thread that started it."""
        if self._worker is None or not self._worker.alive:
            self._stop()
            self._worker = PythonWorker("im2latex.rendering.rasterizers.pdfium_worker", _MEMORY_MB)
        return self._worker

    def _discard_worker(self) -> None:
        """End a worker that failed; raises `ToolError` where a signal from outside killed it: no page is the cause."""
        try:
            killed = self._worker is not None and self._worker.killed
        finally:
            self._stop()
        if killed:
            raise ToolError(process.killed_message("pdfium"))

    def _stop(self) -> None:
        if self._worker is not None:
            self._worker.end()
        self._worker, self._loaded = None, None


def thread_client() -> PdfiumClient:
    """The client of this thread; loading the library takes longer than drawing a hundred formulas.

    Threads do not share one, so that a slow page delays no other thread.
    """
    client: PdfiumClient | None = getattr(_THREAD_LOCAL, "pdfium", None)
    if client is None:
        client = _THREAD_LOCAL.pdfium = PdfiumClient()
    return client


def _parse_header(header: bytes | bytearray, pages: int) -> dict[str, list[object]]:
    answer = json.loads(header)
    if not isinstance(answer, dict) or (answer["error"] is None and len(answer["pages"]) != pages):
        raise ValueError("the answer does not fit the request")
    return answer


def _page_shape(page: object) -> tuple[int, int]:
    """Height and width of a page in an answer; no page of the renderer is larger."""
    if isinstance(page, list) and len(page) == 2 and all(isinstance(side, int) and 0 < side < 1 << 15 for side in page):
        return page[0], page[1]
    raise ValueError(f"{page!r} is not the size of a page")
