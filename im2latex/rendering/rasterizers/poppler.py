"""Poppler rasterizer, through pdf2image in a child process."""

from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path

from im2latex.images.arrays import Pixels
from im2latex.rendering.rasterizers.pgm_rasterizer import PgmRasterizer
from im2latex.sandbox import process


class Poppler(PgmRasterizer):
    """Draws with pdf2image, in a child process, since it starts programs itself."""

    name = "poppler"
    programs = ("pdftoppm",)
    wheels = ("pdf2image",)

    def identity(self) -> str:
        return f"poppler {process.version_line('pdftoppm', '-v')} pdf2image {metadata.version('pdf2image')}"

    def pages(self, path: Path, dpi: int, numbers: Sequence[int]) -> Iterator[Pixels]:
        yield from self.draw_in_child("pdf2image", path, dpi, numbers)
