"""Base class of the rasterizers whose program writes PGM images, and the PGM decoder.

The programs write gray images in the binary PGM format to their standard output. For each image: "P5", width, height,
255, separated by white space, with comments from # to the end of the line; one white space; then the pixels row by row
(netpbm.sourceforge.net/doc/pgm.html).
"""

import mmap
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from im2latex.images.arrays import Pixels
from im2latex.rendering.rasterizers.base import RasterizerError, run_program
from im2latex.rendering.rasterizers.pdfium import PdfRasterizer
from im2latex.sandbox.python_worker import python_access
from im2latex.sandbox.sandbox import FileAccess

_GAP = rb"(?:\s|#[^\n]*\n)+"
_HEADER = re.compile(rb"P5" + _GAP + rb"(\d+)" + _GAP + rb"(\d+)" + _GAP + rb"255\s")


class PgmRasterizer(PdfRasterizer):
    """A rasterizer whose program writes PGM images to its standard output."""

    def draw_pgm(
        self, command: list[str], path: Path, count: int, access: FileAccess, env: Mapping[str, str]
    ) -> Iterator[Pixels]:
        """Run a program in the folder of the PDF, and read `count` PGM images from its standard output."""
        done = run_program(command, path, count, self.limits, access, env)
        try:
            images = list(decode_pgm(done.mapped or b""))
        except ValueError as error:
            raise RasterizerError(f"{command[0]}: {error}") from None
        if len(images) != count:
            raise RasterizerError(f"{command[0]} drew {len(images)} pages of {count}")
        yield from images

    def draw_in_child(self, library: str, path: Path, dpi: int, numbers: Sequence[int]) -> Iterator[Pixels]:
        """Draw pages in a child process with one of the libraries of `pdf_library_worker`."""
        module = "im2latex.rendering.rasterizers.pdf_library_worker"
        command = [sys.executable, "-m", module, library, path.name, str(dpi), *map(str, numbers)]
        env = {"PYTHONPATH": os.pathsep.join(sys.path)}
        yield from self.draw_pgm(command, path, len(numbers), python_access(), env)


def decode_pgm(data: bytes | mmap.mmap) -> Iterator[Pixels]:
    """Yield each PGM image as (H, W), read-only; raises `ValueError` for other formats and for incomplete data."""
    at = 0
    while at < len(data):
        header = _HEADER.match(data, at)
        if header is None:
            raise ValueError(f"no PGM header at byte {at}")
        width, height = int(header[1]), int(header[2])
        start, at = header.end(), header.end() + width * height
        if at > len(data):
            raise ValueError(f"the image at byte {header.start()} is cut short")
        yield np.frombuffer(data, np.uint8, width * height, start).reshape(height, width)
