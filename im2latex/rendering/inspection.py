r"""Look at the pages of a PDF without drawing them: is there ink outside the page, or more of it than anyone can mean?

Reads a PDF and the bounds of its text and rules. TeX cannot tell the first: the box of a formula with an overlap
(`\rlap`, `\smash`, a negative space) does not say how far its ink goes, and a drawn page shows ink cut off at its
edge only where the edge happens to meet some. The second keeps rasterizers, one of which draws in this process, from
pages made to keep them busy, such as a million rules on top of each other.
"""

import ctypes
from collections.abc import Sequence
from pathlib import Path

import pypdfium2
import pypdfium2.raw as pdfium

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
