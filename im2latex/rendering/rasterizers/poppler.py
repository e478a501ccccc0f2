"""Poppler as a rasterizer, through pdf2image."""

import os
import sys
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path

from im2latex.images.arrays import Pixels
from im2latex.rendering.rasterizers.base import PdfRasterizer
from im2latex.sandbox import process
from im2latex.sandbox.worker import python_access


class Poppler(PdfRasterizer):
    """Draws in a child process (`poppler_worker`), since pdf2image starts programs itself."""

    name = "poppler"
    programs = ("pdftoppm",)
    wheels = ("pdf2image",)

    def identity(self) -> str:
        return f"poppler {process.version_line('pdftoppm', '-v')} pdf2image {metadata.version('pdf2image')}"

    def pages(self, path: Path, dpi: int, numbers: Sequence[int]) -> Iterator[Pixels]:
        command = [
            sys.executable,
            "-m",
            "im2latex.rendering.rasterizers.poppler_worker",
            path.name,
            str(dpi),
            *map(str, numbers),
        ]
        env = {"PYTHONPATH": os.pathsep.join(sys.path)}
        yield from self.draw_pgm(command, path, len(numbers), python_access(), env)
