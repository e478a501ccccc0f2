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
from collections import deque
from collections.abc import Callable, Sequence
from itertools import chain, repeat
from typing import Any

import numpy as np
import pypdfium2
import pypdfium2.raw as pdfium
from numpy.typing import NDArray

MAX_OBJECTS = 20_000
"""Most objects (runs of text, rules) on a page; the 6,510 largest and oddest formulas measured have at most 343."""
MAX_COVERAGE = 100
"""Largest sum of the objects' areas over the area of the page; the same formulas have at most 2.7."""
_PAGES_AT_ONCE = 32
"""So few that the bounds of all their objects take little memory."""
HEADER = struct.Struct(">I")
_POINTS_PER_INCH = 72  # of PDF


_Box = tuple[float, float, float, float]
"""Left, bottom, right, top in points."""


def main(source: int, target: int) -> None:
    """Answer requests until the caller closes its end."""
    document: _Document | None = None
    with os.fdopen(source, "rb") as requests, os.fdopen(target, "wb") as answers:
        while length := requests.read(HEADER.size):
            request = json.loads(requests.read(*HEADER.unpack(length)))
            content = requests.read(request["pdf"])
            try:
                if content or document is None:
                    if document is not None:
                        document.close()
                    document = _Document(content)
                answer, pixels = _process_request(document, request["pages"], request["dpi"])
            except pypdfium2.PdfiumError as error:
                answer, pixels = {"pages": [], "error": str(error)}, []
            header = json.dumps(answer).encode()
            answers.writelines([HEADER.pack(len(header)), header, *(page.data for page in pixels)])
            answers.flush()


def _process_request(
    document: "_Document", numbers: Sequence[int], dpi: int | None
) -> tuple[dict[str, object], list[NDArray[np.uint8]]]:
    if dpi is None:
        groups = (numbers[start : start + _PAGES_AT_ONCE] for start in range(0, len(numbers), _PAGES_AT_ONCE))
        return {"pages": [fault for group in groups for fault in document.page_faults(group)], "error": None}, []
    pixels = [document.draw(number, dpi) for number in numbers]
    return {"pages": [page.shape for page in pixels], "error": None}, pixels


class _Document:
    """An open document. A page stays loaded from its inspection until it is drawn: to load it takes the longest."""

    def __init__(self, content: bytes) -> None:
        self._document = pypdfium2.PdfDocument(content)
        self._loaded: dict[int, Any] = {}

    def page_faults(self, numbers: Sequence[int]) -> list[str | None]:
        r"""Reasons to reject pages, None where there is none: ink outside the page, or more than a formula can have.

        The box of a formula with an overlap (`\rlap`, `\smash`, a negative space) does not say how far its ink goes,
        and a drawn page shows ink cut off at its edge only where the edge happens to meet some.
        """
        pages = [ctypes.cast(self._load(number), ctypes.c_void_p).value or 0 for number in numbers]
        counts = np.array([_count_objects(page) for page in pages])
        is_complex = counts > MAX_OBJECTS
        counts[is_complex] = 0
        left, bottom, right, top = _edges(_get_crop_box, pages)
        owners = np.repeat(np.arange(len(pages)), counts)
        objects = [map(_get_object, repeat(page), range(count)) for page, count in zip(pages, counts, strict=True)]
        west, south, east, north = _edges(_get_bounds, [*chain.from_iterable(objects)])
        covered = np.bincount(owners, (east - west) * (north - south), len(pages))
        is_complex |= covered > MAX_COVERAGE * (right - left) * (top - bottom)
        is_outside = (west < left[owners]) | (south < bottom[owners]) | (east > right[owners]) | (north > top[owners])
        is_clipped = np.bincount(owners, is_outside, len(pages)) > 0
        return [
            "too_complex" if is_complex[place] else "clipped" if is_clipped[place] else None
            for place in range(len(pages))
        ]

    def draw(self, number: int, dpi: int) -> NDArray[np.uint8]:
        """Draw the crop box of a page, as a window on the whole sheet; uint8 (H, W), 255 paper and 0 ink.

        All pages share the sheet, so all are drawn at exactly one scale. Were each drawn at a scale computed from its
        own size, scales would differ in the last bit, and the library's cache of glyphs would carry the one of the page
        drawn first over to the others. `pypdfium2` besides rounds sizes up, and stretches the page.
        """
        page = self._load(number)
        scale = dpi / _POINTS_PER_INCH
        crop_box = _box(page, pdfium.FPDFPage_GetCropBox)
        sheet = _box(page, pdfium.FPDFPage_GetMediaBox)
        left, bottom, right, top = (round(edge * scale) for edge in crop_box)
        width, height = (round(edge * scale) for edge in sheet[2:])
        pixels = np.full((top - bottom, right - left), 255, np.uint8)
        bitmap = pdfium.FPDFBitmap_CreateEx(
            right - left, top - bottom, pdfium.FPDFBitmap_Gray, pixels.ctypes.data, right - left
        )
        pdfium.FPDFPage_SetCropBox(page, *sheet)
        pdfium.FPDF_RenderPageBitmap(bitmap, page, -left, top - height, width, height, 0, pdfium.FPDF_GRAYSCALE)
        pdfium.FPDFPage_SetCropBox(page, *crop_box)
        pdfium.FPDFBitmap_Destroy(bitmap)
        pdfium.FPDF_ClosePage(self._loaded.pop(number))
        return pixels

    def close(self) -> None:
        """Close the document and the pages that are still loaded."""
        while self._loaded:
            pdfium.FPDF_ClosePage(self._loaded.popitem()[1])
        self._document.close()

    def _load(self, number: int) -> Any:
        if number not in self._loaded:
            page = pdfium.FPDF_LoadPage(self._document, number - 1)
            if not page:
                raise pypdfium2.PdfiumError(f"page {number} cannot be loaded")
            self._loaded[number] = page
        return self._loaded[number]


def _box(page: Any, get_box: Callable[..., int]) -> _Box:
    """A box of a page; zeros where it has none."""
    left, bottom, right, top = edges = [ctypes.c_float() for _ in range(4)]
    get_box(page, *edges)
    return left.value, bottom.value, right.value, top.value


def _untyped(function: Any, result: Any, *arguments: Any) -> Callable[..., int]:
    """A C function whose pointers are whole numbers: for typed ones, ctypes takes most of the time of a call."""
    return ctypes.PYFUNCTYPE(result, *arguments)(ctypes.cast(function, ctypes.c_void_p).value or 0)


_count_objects = _untyped(pdfium.FPDFPage_CountObjects, ctypes.c_int, ctypes.c_void_p)
_get_object = _untyped(pdfium.FPDFPage_GetObject, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
_get_bounds = _untyped(pdfium.FPDFPageObj_GetBounds, ctypes.c_int, *[ctypes.c_void_p] * 5)
_get_crop_box = _untyped(pdfium.FPDFPage_GetCropBox, ctypes.c_int, *[ctypes.c_void_p] * 5)


def _edges(get_box: Callable[..., int], owners: Sequence[int]) -> NDArray[np.float64]:
    """Left, bottom, right and top (4, N) of boxes of N pages or objects, in points; zeros where one has no box."""
    edges = np.zeros((4, len(owners)), np.float32)
    starts = [row.ctypes.data for row in edges]
    places = (range(start, start + edges.strides[0], edges.itemsize) for start in starts)
    deque(map(get_box, owners, *places), maxlen=0)
    return edges.astype(np.float64)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
