"""Rasterizers that run a program: Ghostscript, Poppler and ImageMagick on PDF pages, dvipng on DVI pages.

Those of PDF write gray images in the binary PGM format to their standard output. For each image: "P5", width, height,
255, separated by white space, with comments from # to the end of the line; one white space; then the pixels row by row
(netpbm.sourceforge.net/doc/pgm.html).
"""

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path

import numpy as np

from im2latex.images.arrays import Pixels
from im2latex.images.formats import decode_png
from im2latex.rendering.glyph_boxes import dvi
from im2latex.rendering.rasterizers.base import Rasterizer, RasterizerError, run_program, stderr_tail
from im2latex.rendering.rasterizers.pdfium import PdfRasterizer
from im2latex.rendering.rasterizers.pdfium_worker import MAX_COVERAGE, MAX_OBJECTS
from im2latex.rendering.tex_format import TEX_ENVIRONMENT, tex_trees
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
        """Whether the ImageMagick policy of the system forbids PDF."""
        rule = re.compile(r'^\s*<policy[^>]*rights="none"[^>]*pattern="PDF"', re.MULTILINE)
        for path in sorted(_POLICY_FOLDER.glob("ImageMagick-*/policy.xml")):
            if rule.search(path.read_text(errors="replace")):
                return (
                    f"{path} forbids PDF, as Debian ships it; our child process has its own policy and needs no change"
                )
        return ""


class Dvipng(Rasterizer):
    """Draws all pages in one run, which writes a file for each, with the gamma of Sphinx and of the old MediaWiki.

    Glyphs start at whole pixels, and strokes are bolder than those of other rasterizers. A page with anything that
    dvipng does not know, such as a scaled box, is not drawn.
    """

    name = "dvipng"
    input_format = "dvi"
    programs = ("dvipng",)
    optional = True
    fixed_page_size = False
    flags = ("-q", "--picky", "--nogs", "--norawps", "-T", "tight", "-bg", "rgb 1 1 1", "-gamma", "1.5")

    def identity(self) -> str:
        lines = process.output_lines("dvipng", "--version")
        freetype = " ".join(line for line in lines if line.startswith("Using libft"))
        return f"{lines[1]} {freetype} {' '.join(self.flags)}"

    def pages(self, path: Path, dpi: int, numbers: Sequence[int]) -> Iterator[Pixels]:
        # The pages get a file of their own: an error on a page that dvipng skips costs the next one that it draws.
        selection = path.with_name("selection.dvi")
        try:
            selection.write_bytes(dvi.select(path.read_bytes(), dvi.load_metrics, numbers))
        except ValueError as error:
            raise RasterizerError(f"{path}: {error}") from None
        files = [path.parent / f"{position:09d}.png" for position, _ in enumerate(numbers, 1)]
        command = ["dvipng", *self.flags, "-D", str(dpi), "-o", "%09d.png", selection.name]
        access = FileAccess(read=tex_trees())
        done = run_program(command, path, len(numbers), self.limits, access, TEX_ENVIRONMENT)
        if not all(file.exists() for file in files):
            raise RasterizerError(f"dvipng did not draw all pages: {stderr_tail(done)}")
        for file in files:
            yield decode_png(file.read_bytes())
            file.unlink()

    def page_faults(self, path: Path, numbers: Sequence[int], max_size: tuple[int, int]) -> dict[int, str]:
        """Compare the ink, as the boxes of characters bound it, with `max_size`: a DVI page has no edges."""
        pages = list(dvi.pages(path.read_bytes(), dvi.load_metrics, MAX_OBJECTS))
        faults = {number: _dvi_page_fault(pages[number - 1], *max_size) for number in numbers}
        return {number: fault for number, fault in faults.items() if fault is not None}


def page_ranges(numbers: Sequence[int]) -> str:
    """Page numbers as ranges: 1-3,5."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ",".join(f"{first}-{last}" if last > first else f"{first}" for first, last in ranges)


def _dvi_page_fault(marks: Sequence[dvi.Mark] | None, max_height: int, max_width: int) -> str | None:
    if marks is None:
        return "too_complex"
    if not marks:
        return None
    height = max(mark.y + mark.depth for mark in marks) - min(mark.y - mark.height for mark in marks)
    width = max(mark.x + mark.width for mark in marks) - min(mark.x for mark in marks)
    if height > max_height:
        return "too_tall"
    if width > max_width:
        return "too_wide"
    covered = sum((mark.height + mark.depth) * mark.width for mark in marks)
    return "too_complex" if covered > MAX_COVERAGE * max(1, height) * max(1, width) else None


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
