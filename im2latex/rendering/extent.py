r"""Does any ink of a page lie outside the page?

Reads a PDF and looks at the bounds of its text and rules, without drawing them. TeX cannot tell: the box of a formula
with an overlap (`\rlap`, `\smash`, a negative space) does not say how far its ink goes, and a drawn page shows ink
cut off at its edge only where the edge happens to meet some.
"""

import ctypes
from collections.abc import Sequence
from pathlib import Path

import pypdfium2
import pypdfium2.raw as pdfium


def overflowing(pdf: Path, numbers: Sequence[int]) -> set[int]:
    """Those of the pages `numbers` (from 1) with ink outside their crop box."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return {number for number in numbers if _overflows(document, number)}
    finally:
        document.close()


def _overflows(document: pypdfium2.PdfDocument, number: int) -> bool:
    page = pdfium.FPDF_LoadPage(document, number - 1)
    edges = [ctypes.c_float() for _ in range(4)]
    try:
        pdfium.FPDFPage_GetCropBox(page, *edges)
        left, bottom, right, top = (edge.value for edge in edges)
        for index in range(pdfium.FPDFPage_CountObjects(page)):
            pdfium.FPDFPageObj_GetBounds(pdfium.FPDFPage_GetObject(page, index), *edges)
            if edges[0].value < left or edges[1].value < bottom or edges[2].value > right or edges[3].value > top:
                return True
        return False
    finally:
        pdfium.FPDF_ClosePage(page)
