"""Pages of a PDF to pixels, drawn by pdfium in the decoder process.

A module of its own, since pdfium takes long to load and most decoder processes never need it.
"""

import pypdfium2

from im2latex.errors import ImageError
from im2latex.images.formats import DecodeLimits, RawImage, check_size

DPI = 300
"""Type of 10 points is then 42 pixels high, more than twice what models read."""
_POINTS_PER_INCH = 72


def count_pages(data: bytes) -> int:
    """The number of pages; raises `ImageError` not_an_image."""
    with _opened(data) as document:
        return len(document)


def draw_page(data: bytes, number: int, limits: DecodeLimits) -> RawImage:
    """Page `number` (from 1), of shape (H, W, 3); raises `ImageError`: not_an_image, no_such_page, ..."""
    with _opened(data) as document:
        if not 1 <= number <= len(document):
            raise ImageError("no_such_page", f"there is no page {number}; the file has {len(document)}")
        try:
            page = document[number - 1]
            width, height = (round(side * DPI / _POINTS_PER_INCH) for side in page.get_size())
            check_size(width, height, limits)
            pixels = page.render(scale=DPI / _POINTS_PER_INCH, rev_byteorder=True).to_numpy()[..., :3]
            return RawImage(pixels.shape, pixels.tobytes())
        except pypdfium2.PdfiumError as error:
            raise ImageError("not_an_image", f"page {number} cannot be drawn: {error}") from None


def _opened(data: bytes) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        raise ImageError("not_an_image", f"not a PDF that can be read: {error}") from None
