"""Worker process that inspects and draws PDF pages with pdfium: python -m MODULE IN OUT.

TeX ran on untrusted input, so its pages are untrusted too: they are opened here, in a sandbox without files, and never
in the process of the caller (`pdfium`). IN and OUT are file descriptors.

reads   a request: its length (4 bytes, big-endian), JSON {"pdf": bytes of a new document or 0, "pages": numbers from 1,
        "dpi": pixels per inch, or null to inspect}, then the bytes of the document
writes  an answer: its length, JSON {"pages": [...], "error": sentence or null}; then the pixels of all pages. A page is
        [height, width] where it was drawn, else "clipped", "too_complex" or null
"""

import ctypes
import json
import os
import struct
import sys

import numpy as np
import pypdfium2
import pypdfium2.raw as pdfium
from numpy.typing import NDArray

MAX_OBJECTS = 20_000
"""Most objects (runs of text, rules) on a page; the 6,510 largest and oddest formulas measured have at most 343."""
MAX_COVERAGE = 100
"""Largest sum of the objects' areas over the area of the page; the same formulas have at most 2.7."""
HEADER = struct.Struct(">I")
_POINTS_PER_INCH = 72  # of PDF


def main(source: int, target: int) -> None:
    """Answer requests until the caller closes its end."""
    content = b""
    with os.fdopen(source, "rb") as requests, os.fdopen(target, "wb") as answers:
        while length := requests.read(HEADER.size):
            request = json.loads(requests.read(*HEADER.unpack(length)))
            content = requests.read(request["pdf"]) or content
            answer, pixels = _process_request(content, request["pages"], request["dpi"])
            header = json.dumps(answer).encode()
            answers.write(HEADER.pack(len(header)) + header)
            for page in pixels:
                answers.write(page.data)
            answers.flush()


def _process_request(
    content: bytes, numbers: list[int], dpi: int | None
) -> tuple[dict[str, object], list[NDArray[np.uint8]]]:
    """Answer one request; the document is opened again for each, since drawing changes it."""
    try:
        document = pypdfium2.PdfDocument(content)
        pixels = [] if dpi is None else [_draw(document[number - 1], dpi) for number in numbers]
        pages: list[object] = [list(page.shape) for page in pixels]
        if dpi is None:
            pages = [_page_fault(document, number) for number in numbers]
        document.close()
    except pypdfium2.PdfiumError as error:
        return {"pages": [], "error": str(error)}, []
    return {"pages": pages, "error": None}, pixels


def _page_fault(document: pypdfium2.PdfDocument, number: int) -> str | None:
    r"""Reason to reject a page: ink outside the page, or more ink than a formula can have.

    The box of a formula with an overlap (`\rlap`, `\smash`, a negative space) does not say how far its ink goes, and a
    drawn page shows ink cut off at its edge only where the edge happens to meet some.
    """
    page = pdfium.FPDF_LoadPage(document, number - 1)
    edges = [ctypes.c_float() for _ in range(4)]
    try:
        pdfium.FPDFPage_GetCropBox(page, *edges)
        left, bottom, right, top = (edge.value for edge in edges)
        count = pdfium.FPDFPage_CountObjects(page)
        if count > MAX_OBJECTS:
            return "too_complex"
        clipped = False
        covered = 0.0
        for index in range(count):
            pdfium.FPDFPageObj_GetBounds(pdfium.FPDFPage_GetObject(page, index), *edges)
            west, south, east, north = (edge.value for edge in edges)
            clipped = clipped or west < left or south < bottom or east > right or north > top
            covered += (east - west) * (north - south)
        if covered > MAX_COVERAGE * (right - left) * (top - bottom):
            return "too_complex"
        return "clipped" if clipped else None
    finally:
        pdfium.FPDF_ClosePage(page)


def _draw(page: pypdfium2.PdfPage, dpi: int) -> NDArray[np.uint8]:
    """Draw the crop box of a page, as a window on the whole sheet; uint8 (H, W), 255 paper and 0 ink.

    All pages share the sheet, so all are drawn at exactly one scale. Were each drawn at a scale computed from its own
    size, scales would differ in the last bit, and the library's cache of glyphs would carry the one of the page drawn
    first over to the others. Its own function besides rounds sizes up, and stretches the page.
    """
    scale = dpi / _POINTS_PER_INCH
    left, bottom, right, top = (round(edge * scale) for edge in page.get_cropbox())
    sheet = page.get_mediabox()
    page.set_cropbox(*sheet)
    width, height = (round(edge * scale) for edge in sheet[2:])
    pixels = np.full((top - bottom, right - left), 255, np.uint8)
    bitmap = pdfium.FPDFBitmap_CreateEx(
        right - left, top - bottom, pdfium.FPDFBitmap_Gray, pixels.ctypes.data, right - left
    )
    pdfium.FPDF_RenderPageBitmap(bitmap, page, -left, top - height, width, height, 0, pdfium.FPDF_GRAYSCALE)
    pdfium.FPDFBitmap_Destroy(bitmap)
    page.close()
    return pixels


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
