r"""Look at pages without drawing them: is there ink outside the page, or more of it than anyone can mean?

Reads a PDF or a DVI file, and the bounds of its text and rules. TeX cannot tell the first: the box of a formula with
an overlap (`\rlap`, `\smash`, a negative space) does not say how far its ink goes, and a drawn page shows ink cut off
at its edge only where the edge happens to meet some. The second keeps rasterizers, one of which draws in this process,
from pages made to keep them busy, such as a million rules on top of each other.
"""

import ctypes
from collections.abc import Sequence
from pathlib import Path

import pypdfium2
import pypdfium2.raw as pdfium

from im2latex.rendering import dvi, tfm

MOST_OBJECTS = 20_000
"""Runs of text and rules on one page. The 6,510 largest and oddest real formulas at hand have at most 343."""
MOST_COVER = 100
"""How often the ink's bounds may cover the page in all; the same formulas do so at most 2.7 times."""


def unfit(pdf: Path, numbers: Sequence[int]) -> dict[int, str]:
    """Those of the pages `numbers` (from 1) that cannot be drawn as they are: "clipped" or "too_complex"."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        found = {number: _fault(document, number) for number in numbers}
    finally:
        document.close()
    return {number: fault for number, fault in found.items() if fault is not None}


def unfit_dvi(path: Path, numbers: Sequence[int], most: tuple[int, int]) -> dict[int, str]:
    """Those of the pages `numbers` of a DVI file that cannot be drawn as they are, and why.

    A page of DVI has no edges: the ink, as the boxes of characters bound it, may be `most` (height, width) scaled
    points large, else it is "too_tall" or "too_wide"; or it is "too_complex".
    """
    pages = list(dvi.pages(path.read_bytes(), tfm.load, MOST_OBJECTS))
    found = {number: _dvi_fault(pages[number - 1], *most) for number in numbers}
    return {number: fault for number, fault in found.items() if fault is not None}


def _dvi_fault(marks: Sequence[dvi.Mark] | None, most_height: int, most_width: int) -> str | None:
    if marks is None:
        return "too_complex"
    if not marks:
        return None
    height = max(mark.y + mark.depth for mark in marks) - min(mark.y - mark.height for mark in marks)
    width = max(mark.x + mark.width for mark in marks) - min(mark.x for mark in marks)
    if height > most_height:
        return "too_tall"
    if width > most_width:
        return "too_wide"
    covered = sum((mark.height + mark.depth) * mark.width for mark in marks)
    return "too_complex" if covered > MOST_COVER * max(1, height) * max(1, width) else None


def _fault(document: pypdfium2.PdfDocument, number: int) -> str | None:
    page = pdfium.FPDF_LoadPage(document, number - 1)
    edges = [ctypes.c_float() for _ in range(4)]
    try:
        pdfium.FPDFPage_GetCropBox(page, *edges)
        left, bottom, right, top = (edge.value for edge in edges)
        count = pdfium.FPDFPage_CountObjects(page)
        if count > MOST_OBJECTS:
            return "too_complex"
        clipped = False
        covered = 0.0
        for index in range(count):
            pdfium.FPDFPageObj_GetBounds(pdfium.FPDFPage_GetObject(page, index), *edges)
            west, south, east, north = (edge.value for edge in edges)
            clipped = clipped or west < left or south < bottom or east > right or north > top
            covered += (east - west) * (north - south)
        if covered > MOST_COVER * (right - left) * (top - bottom):
            return "too_complex"
        return "clipped" if clipped else None
    finally:
        pdfium.FPDF_ClosePage(page)
