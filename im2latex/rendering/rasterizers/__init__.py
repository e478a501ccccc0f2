"""Pages to pixels, by one of five programs behind one interface.

Reads a file that our own TeX run wrote, never one from elsewhere: PDF, or DVI for dvipng. Yields uint8 arrays (H, W),
255 paper and 0 ink, at `dpi`: the crop box of a page of PDF, the ink of one of DVI. The programs differ in nearly every
grey pixel: a look is drawn with one of them, and `identity` (program, device, flags, version) is part of the identity
of its images.
"""

import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from im2latex.errors import ToolError
from im2latex.images.formats import decode_png
from im2latex.rendering.document import Output
from im2latex.rendering.glyph_boxes import dvi, tfm
from im2latex.rendering.rasterizers import pdfium_client, pgm
from im2latex.rendering.tex_format import TEX_ENVIRONMENT, tex_trees
from im2latex.sandbox import process
from im2latex.sandbox.process import CompletedProcess, ProcessLimits, stalled_message
from im2latex.sandbox.restrictions import FileAccess
from im2latex.sandbox.worker import WorkerError, python_access

Pixels = NDArray[np.uint8]
Name = Literal["ghostscript", "pdfium", "poppler", "imagemagick", "dvipng"]

_SECONDS_PER_PAGE = 0.1  # over six times what the slowest of them takes for a formula


class RasterError(ToolError):
    """A rasterizer failed on a PDF; another part of its pages may still succeed."""


class Rasterizer(Protocol):
    """Turns pages into pixels."""

    reads: Output
    """What TeX must write for it."""

    def identity(self) -> str:
        """What decides the pixels, besides the pages: program, device, flags, version."""

    def pages(self, pdf: Path, dpi: int, numbers: Sequence[int]) -> Iterator[Pixels]:
        """The pages `numbers` (ascending, from 1); raises `RasterError` where one cannot be drawn."""


def create(name: Name, limits: ProcessLimits) -> Rasterizer:
    """The rasterizer of that name."""
    makers: dict[Name, Callable[[], Rasterizer]] = {
        "ghostscript": lambda: Ghostscript(limits),
        "pdfium": Pdfium,
        "poppler": lambda: Helper("poppler", limits),
        "imagemagick": lambda: Helper("imagemagick", limits),
        "dvipng": lambda: Dvipng(limits),
    }
    return makers[name]()


class Ghostscript:
    """Ghostscript's raw grey device: its PNG device gives greys that differ by one, and is slower."""

    reads: Output = "pdf"
    flags = ("-sDEVICE=pgmraw", "-dTextAlphaBits=4", "-dGraphicsAlphaBits=4", "-dUseCropBox")

    def __init__(self, limits: ProcessLimits) -> None:
        self._limits = limits

    def identity(self) -> str:
        """Program, version and flags."""
        return f"ghostscript {process.version_line('gs', '--version')} {' '.join(self.flags)}"

    def pages(self, pdf: Path, dpi: int, numbers: Sequence[int]) -> Iterator[Pixels]:
        """All pages in one run."""
        wanted = f"-sPageList={_ranges(numbers)}"
        command = ["gs", "-q", "-dSAFER", "-dBATCH", "-dNOPAUSE", *self.flags, f"-r{dpi}", wanted, "-o", "-", pdf.name]
        yield from _run(command, pdf, len(numbers), self._limits, FileAccess(), {})


class Pdfium:
    """The PDF library of Chromium, in a worker process: its version comes with the Python wheel."""

    reads: Output = "pdf"

    def identity(self) -> str:
        """Library and wheel version."""
        return f"pdfium {metadata.version('pypdfium2')}"

    def pages(self, pdf: Path, dpi: int, numbers: Sequence[int]) -> Iterator[Pixels]:
        """All pages in one request to the worker."""
        try:
            yield from pdfium_client.shared().draw(pdf, dpi, numbers)
        except WorkerError as error:
            raise RasterError(str(error)) from None


class Helper:
    """Poppler through pdf2image, or ImageMagick through wand, each in a child process of its own."""

    reads: Output = "pdf"

    def __init__(self, name: Literal["poppler", "imagemagick"], limits: ProcessLimits) -> None:
        self._name = name
        self._limits = limits

    def identity(self) -> str:
        """The programs that do the work, and the library between."""
        if self._name == "poppler":
            return f"poppler {process.version_line('pdftoppm', '-v')} pdf2image {metadata.version('pdf2image')}"
        ghostscript = process.version_line("gs", "--version")
        convert = process.version_line("convert", "--version")
        return f"imagemagick {convert} gs {ghostscript} wand {metadata.version('wand')}"

    def pages(self, pdf: Path, dpi: int, numbers: Sequence[int]) -> Iterator[Pixels]:
        """The wanted pages out of all."""
        child = [sys.executable, "-m", "im2latex.rendering.rasterizer_worker", self._name, pdf.name, str(dpi)]
        env = {"PYTHONPATH": os.pathsep.join(sys.path)}
        yield from _run([*child, *map(str, numbers)], pdf, len(numbers), self._limits, python_access(), env)


class Dvipng:
    """dvipng, with the gamma of Sphinx and of the old MediaWiki: glyphs at whole pixels, strokes bolder than others'.

    A page with anything it does not know, such as a scaled box, is not drawn.
    """

    reads: Output = "dvi"
    flags = ("-q", "--picky", "--nogs", "--norawps", "-T", "tight", "-bg", "rgb 1 1 1", "-gamma", "1.5")

    def __init__(self, limits: ProcessLimits) -> None:
        self._limits = limits

    def identity(self) -> str:
        """Program, version, FreeType's version and flags."""
        said = process.output_lines("dvipng", "--version")
        freetype = " ".join(line for line in said if line.startswith("Using libft"))
        return f"{said[1]} {freetype} {' '.join(self.flags)}"

    def pages(self, pdf: Path, dpi: int, numbers: Sequence[int]) -> Iterator[Pixels]:
        """All pages in one run, which writes a file for each.

        They get a file of their own: what dvipng objects to on a page that it skips costs the next one that it draws.
        """
        wanted = pdf.with_name("wanted.dvi")
        try:
            wanted.write_bytes(dvi.select(pdf.read_bytes(), tfm.load, numbers))
        except ValueError as error:
            raise RasterError(f"{pdf}: {error}") from None
        files = [pdf.parent / f"{place:09d}.png" for place, _ in enumerate(numbers, 1)]
        command = ["dvipng", *self.flags, "-D", str(dpi), "-o", "%09d.png", wanted.name]
        done = _finished(command, pdf, len(numbers), self._limits, FileAccess(read=tex_trees()), TEX_ENVIRONMENT)
        if not all(file.exists() for file in files):
            raise RasterError(f"dvipng drew not all pages: {_said(done)}")
        for file in files:
            yield decode_png(file.read_bytes())
            file.unlink()


def _run(
    command: list[str], pdf: Path, count: int, limits: ProcessLimits, access: FileAccess, env: dict[str, str]
) -> Iterator[Pixels]:
    """Run a program beside the PDF, and read the images it writes to its output."""
    done = _finished(command, pdf, count, limits, access, env)
    try:
        found = list(pgm.images(done.stdout))
    except ValueError as error:
        raise RasterError(f"{command[0]}: {error}") from None
    if len(found) != count:
        raise RasterError(f"{command[0]} drew {len(found)} pages of {count}")
    yield from found


def _finished(
    command: list[str], pdf: Path, count: int, limits: ProcessLimits, access: FileAccess, env: Mapping[str, str]
) -> CompletedProcess:
    """Run a program beside the pages to a good end."""
    cpu_seconds = math.ceil(limits.timeout_seconds + count * _SECONDS_PER_PAGE)
    done = process.run_process(
        command,
        cwd=pdf.parent,
        timeout_seconds=60 * cpu_seconds,  # a busy machine fails no good page
        cpu_seconds=cpu_seconds,
        memory_mb=limits.memory_mb,
        file_mb=limits.file_mb,
        access=access,
        env=env,
    )
    if done.stalled:
        raise ToolError(stalled_message(command[0]))
    if done.timed_out:
        raise RasterError(f"{command[0]} was stopped at the time limit")
    if not done.ok:
        raise RasterError(f"{command[0]} failed with status {done.returncode}: {_said(done)}")
    return done


def _said(done: CompletedProcess) -> str:
    return " ".join(done.stderr.decode("utf-8", "replace").split())[-300:]


def _ranges(numbers: Sequence[int]) -> str:
    """Page numbers as ranges: 1-3,5."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ",".join(f"{first}-{last}" if last > first else f"{first}" for first, last in ranges)
