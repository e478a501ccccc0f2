"""pdfium, the PDF library of Chromium, as a rasterizer.

It runs in a worker process (`pdfium_client`); its version is that of the Python wheel.
"""

from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path

from im2latex.images.arrays import Pixels
from im2latex.rendering.rasterizers import pdfium_client
from im2latex.rendering.rasterizers.base import PdfRasterizer, RasterizerError
from im2latex.sandbox.worker import WorkerError


class Pdfium(PdfRasterizer):
    """Draws all pages in one request to the worker process."""

    name = "pdfium"
    wheels = ("pypdfium2",)

    def identity(self) -> str:
        return f"pdfium {metadata.version('pypdfium2')}"

    def pages(self, path: Path, dpi: int, numbers: Sequence[int]) -> Iterator[Pixels]:
        try:
            yield from pdfium_client.thread_client().draw(path, dpi, numbers)
        except WorkerError as error:
            raise RasterizerError(str(error)) from None
