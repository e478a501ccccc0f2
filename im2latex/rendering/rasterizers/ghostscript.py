"""Ghostscript rasterizer."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from im2latex.images.arrays import Pixels
from im2latex.rendering.rasterizers.pgm_rasterizer import PgmRasterizer
from im2latex.sandbox import process
from im2latex.sandbox.sandbox import FileAccess

_HALFTONE = "/Default currenthalftone /Halftone defineresource pop"
"""PostScript that defines the resource for which `gs` otherwise searches all its folders before each page of another
size. It is the halftone in use already, and a gray device has no use for it."""


class Ghostscript(PgmRasterizer):
    """Draws all pages in one run of `gs`, with its raw gray device: its PNG device gives grays that differ by one."""

    name = "ghostscript"
    programs = ("gs",)
    flags = ("-sDEVICE=pgmraw", "-dTextAlphaBits=4", "-dGraphicsAlphaBits=4", "-dUseCropBox")

    def identity(self) -> str:
        return f"ghostscript {process.version_line('gs', '--version')} {' '.join(self.flags)}"

    def pages(self, path: Path, dpi: int, numbers: Sequence[int]) -> Iterator[Pixels]:
        pages = f"-sPageList={page_ranges(numbers)}"
        command = ["gs", "-q", "-dSAFER", "-dBATCH", "-dNOPAUSE", *self.flags, f"-r{dpi}", pages, "-o", "-"]
        command += ["-c", _HALFTONE, "-f", path.name]
        yield from self.draw_pgm(command, path, len(numbers), FileAccess(), {})


def page_ranges(numbers: Sequence[int]) -> str:
    """Page numbers as ranges: 1-3,5."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ",".join(f"{first}-{last}" if last > first else f"{first}" for first, last in ranges)
