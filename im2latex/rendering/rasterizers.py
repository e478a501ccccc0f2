"""PDF pages to pixels, by one of four programs behind one interface.

Reads a PDF that our own TeX run wrote, never one from elsewhere. Yields uint8 arrays (H, W), 255 paper and 0 ink,
the page's crop box at `dpi`. The four differ in nearly every grey pixel: a data set is made with one of them, and
`identity` (program, device, flags, version) is part of the identity of its pictures.
"""

import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from im2latex.errors import ToolError
from im2latex.rendering import pdfium, pgm, process
from im2latex.rendering.pdfium import python_access
from im2latex.rendering.process import LimitParams
from im2latex.rendering.sandbox import FileAccess

Pixels = NDArray[np.uint8]
Name = Literal["ghostscript", "pdfium", "poppler", "imagemagick"]

_SECONDS_PER_PAGE = 0.1  # over six times what the slowest of them takes for a formula


class RasterError(ToolError):
    """A rasterizer failed on a PDF; another part of its pages may still succeed."""


class Rasterizer(Protocol):
    """Turns pages of a PDF into pixels."""

    def identity(self) -> str:
        """What decides the pixels, besides the PDF: program, device, flags, version."""

    def pages(self, pdf: Path, dpi: int, numbers: Sequence[int]) -> Iterator[Pixels]:
        """The pages `numbers` (ascending, from 1); raises `RasterError` where one cannot be drawn."""


def create(name: Name, limits: LimitParams) -> Rasterizer:
    """The rasterizer of that name."""
    makers: dict[Name, Callable[[], Rasterizer]] = {
        "ghostscript": lambda: Ghostscript(limits),
        "pdfium": Pdfium,
        "poppler": lambda: Helper("poppler", limits),
        "imagemagick": lambda: Helper("imagemagick", limits),
    }
    return makers[name]()


class Ghostscript:
    """Ghostscript's raw grey device: its PNG device gives greys that differ by one, and is slower."""

    flags = ("-sDEVICE=pgmraw", "-dTextAlphaBits=4", "-dGraphicsAlphaBits=4", "-dUseCropBox")

    def __init__(self, limits: LimitParams) -> None:
        self._limits = limits

    def identity(self) -> str:
        """Program, version and flags."""
        return f"ghostscript {process.first_line('gs', '--version')} {' '.join(self.flags)}"

    def pages(self, pdf: Path, dpi: int, numbers: Sequence[int]) -> Iterator[Pixels]:
        """All pages in one run."""
        wanted = f"-sPageList={_ranges(numbers)}"
        command = ["gs", "-q", "-dSAFER", "-dBATCH", "-dNOPAUSE", *self.flags, f"-r{dpi}", wanted, "-o", "-", pdf.name]
        yield from _run(command, pdf, len(numbers), self._limits, FileAccess(), {})


class Pdfium:
    """The PDF library of Chromium, in a worker process: its version comes with the Python wheel."""

    def identity(self) -> str:
        """Library and wheel version."""
        return f"pdfium {metadata.version('pypdfium2')}"

    def pages(self, pdf: Path, dpi: int, numbers: Sequence[int]) -> Iterator[Pixels]:
        """All pages in one request to the worker."""
        try:
            yield from pdfium.shared().draw(pdf, dpi, numbers)
        except pdfium.WorkerError as error:
            raise RasterError(str(error)) from None


class Helper:
    """Poppler through pdf2image, or ImageMagick through wand, each in a child process of its own."""

    def __init__(self, name: Literal["poppler", "imagemagick"], limits: LimitParams) -> None:
        self._name = name
        self._limits = limits

    def identity(self) -> str:
        """The programs that do the work, and the library between."""
        if self._name == "poppler":
            return f"poppler {process.first_line('pdftoppm', '-v')} pdf2image {metadata.version('pdf2image')}"
        ghostscript = process.first_line("gs", "--version")
        return (
            f"imagemagick {process.first_line('convert', '--version')} gs {ghostscript} wand {metadata.version('wand')}"
        )

    def pages(self, pdf: Path, dpi: int, numbers: Sequence[int]) -> Iterator[Pixels]:
        """The wanted pages out of all."""
        child = [sys.executable, "-m", "im2latex.rendering.draw", self._name, pdf.name, str(dpi)]
        env = {"PYTHONPATH": os.pathsep.join(sys.path)}
        yield from _run([*child, *map(str, numbers)], pdf, len(numbers), self._limits, python_access(), env)


def _run(
    command: list[str], pdf: Path, count: int, limits: LimitParams, access: FileAccess, env: dict[str, str]
) -> Iterator[Pixels]:
    """Run a program beside the PDF, and read the pictures it writes to its output."""
    cpu_seconds = math.ceil(limits.timeout_seconds + count * _SECONDS_PER_PAGE)
    done = process.run(
        command,
        cwd=pdf.parent,
        timeout_seconds=10 * cpu_seconds,
        cpu_seconds=cpu_seconds,
        memory_mb=limits.memory_mb,
        file_mb=limits.file_mb,
        access=access,
        env=env,
    )
    if done.timed_out:
        raise RasterError(f"{command[0]} was stopped at the time limit")
    if not done.ok:
        said = " ".join(done.stderr.decode("utf-8", "replace").split())[-300:]
        raise RasterError(f"{command[0]} failed with status {done.returncode}: {said}")
    try:
        found = list(pgm.pictures(done.stdout))
    except ValueError as error:
        raise RasterError(f"{command[0]}: {error}") from None
    if len(found) != count:
        raise RasterError(f"{command[0]} drew {len(found)} pages of {count}")
    yield from found


def _ranges(numbers: Sequence[int]) -> str:
    """Page numbers as ranges: 1-3,5."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ",".join(f"{first}-{last}" if last > first else f"{first}" for first, last in ranges)
