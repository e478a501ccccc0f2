"""Rasterizers that run a program on PDF pages: Ghostscript, Poppler, ImageMagick.

They read the pages as gray images in the binary PGM format from the standard output of the program. For each image:
"P5", width, height, 255, separated by white space, with comments from # to the end of the line; one white space; then
the pixels row by row (netpbm.sourceforge.net/doc/pgm.html).
"""

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path

import numpy as np

from im2latex.images.arrays import Pixels
from im2latex.rendering.rasterizers.base import RasterizerError, run_program
from im2latex.rendering.rasterizers.pdfium import PdfRasterizer
from im2latex.sandbox import process
from im2latex.sandbox.restrictions import FileAccess
from im2latex.sandbox.worker import python_access

_POLICY_FOLDER = Path("/etc")
_GAP = rb"(?:\s|#[^\n]*\n)+"
_HEADER = re.compile(rb"P5" + _GAP + rb"(\d+)" + _GAP + rb"(\d+)" + _GAP + rb"255\s")


class ProgramRasterizer(PdfRasterizer):
    """A rasterizer whose program writes PGM images to its standard output."""

    def draw_pgm(
        self, command: list[str], path: Path, count: int, access: FileAccess, env: Mapping[str, str]
    ) -> Iterator[Pixels]:
        """Run a program in the folder of the PDF, and read `count` PGM images from its standard output."""
        done = run_program(command, path, count, self.limits, access, env)
        try:
            images = list(decode_pgm(done.stdout))
        except ValueError as error:
            raise RasterizerError(f"{command[0]}: {error}") from None
        if len(images) != count:
            raise RasterizerError(f"{command[0]} drew {len(images)} pages of {count}")
        yield from images

    def draw_in_child(self, library: str, path: Path, dpi: int, numbers: Sequence[int]) -> Iterator[Pixels]:
        """Draw pages in a child process with one of the libraries of `pgm_worker`."""
        module = "im2latex.rendering.rasterizers.pgm_worker"
        command = [sys.executable, "-m", module, library, path.name, str(dpi), *map(str, numbers)]
        env = {"PYTHONPATH": os.pathsep.join(sys.path)}
        yield from self.draw_pgm(command, path, len(numbers), python_access(), env)


class Ghostscript(ProgramRasterizer):
    """Draws all pages in one run of `gs`, with its raw gray device: its PNG device gives grays that differ by one."""

    name = "ghostscript"
    programs = ("gs",)
    flags = ("-sDEVICE=pgmraw", "-dTextAlphaBits=4", "-dGraphicsAlphaBits=4", "-dUseCropBox")

    def identity(self) -> str:
        return f"ghostscript {process.version_line('gs', '--version')} {' '.join(self.flags)}"

    def pages(self, path: Path, dpi: int, numbers: Sequence[int]) -> Iterator[Pixels]:
        pages = f"-sPageList={page_ranges(numbers)}"
        command = ["gs", "-q", "-dSAFER", "-dBATCH", "-dNOPAUSE", *self.flags, f"-r{dpi}", pages, "-o", "-", path.name]
        yield from self.draw_pgm(command, path, len(numbers), FileAccess(), {})


class Poppler(ProgramRasterizer):
    """Draws with pdf2image, in a child process, since it starts programs itself."""

    name = "poppler"
    programs = ("pdftoppm",)
    wheels = ("pdf2image",)

    def identity(self) -> str:
        return f"poppler {process.version_line('pdftoppm', '-v')} pdf2image {metadata.version('pdf2image')}"

    def pages(self, path: Path, dpi: int, numbers: Sequence[int]) -> Iterator[Pixels]:
        yield from self.draw_in_child("pdf2image", path, dpi, numbers)


class ImageMagick(ProgramRasterizer):
    """Draws with wand, in a child process, since its library can crash or grow; it uses Ghostscript."""

    name = "imagemagick"
    programs = ("convert", "gs")
    wheels = ("wand",)

    def identity(self) -> str:
        ghostscript = process.version_line("gs", "--version")
        convert = process.version_line("convert", "--version")
        return f"imagemagick {convert} gs {ghostscript} wand {metadata.version('wand')}"

    def pages(self, path: Path, dpi: int, numbers: Sequence[int]) -> Iterator[Pixels]:
        yield from self.draw_in_child("wand", path, dpi, numbers)

    def note(self) -> str:
        """What the ImageMagick policy of the system says about PDF."""
        rule = re.compile(r'^\s*<policy[^>]*rights="none"[^>]*pattern="PDF"', re.MULTILINE)
        for path in sorted(_POLICY_FOLDER.glob("ImageMagick-*/policy.xml")):
            if rule.search(path.read_text(errors="replace")):
                return (
                    f"{path} forbids PDF, as Debian ships it; our child process has its own policy and needs no change"
                )
        return ""


def page_ranges(numbers: Sequence[int]) -> str:
    """Page numbers as ranges: 1-3,5."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ",".join(f"{first}-{last}" if last > first else f"{first}" for first, last in ranges)


def decode_pgm(data: bytes) -> Iterator[Pixels]:
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
