"""Decoder of image and PDF files to pixels, within limits: EXIF orientation, transparency, CMYK, palettes, 16 bits.

Only formats that Pillow decodes by itself, and none that starts a program. Of several frames it is the first.
Untrusted bytes are decoded only in the sandboxed process (`sandboxed_decoder`); `decode_png` is for images that this
project has written.

Pages of a PDF are drawn by pdfium. The module imports Pillow and nothing else, since a decoder process is started for
every command that reads an image, and pdfium takes long to load.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, UnidentifiedImageError

from im2latex.errors import ImageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pypdfium2 import PdfDocument

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".pbm", ".pgm", ".ppm", ".pnm")
)
PDF_MARK = b"%PDF-"
PDF_PAGE = re.compile(r"(?P<file>.+\.pdf)#(?P<page>\d+)", re.IGNORECASE)
"""Name of one page of a PDF, counted from 1."""
PDF_DPI = 300
"""Type of 10 points is then 42 pixels high, more than twice what models read."""
_POINTS_PER_INCH = 72  # of PDF
MAX_PIXELS = 50_000_000
"""The largest image that is decoded; a page at 600 dpi has 35 million."""
MAX_SCANS = 100
"""Scans of a progressive JPEG; encoders write about ten, and each costs a pass over the whole image."""
_START_OF_SCAN = b"\xff\xda"
_SECONDS, _SECONDS_PER_PIXEL = 0.4, 6e-8
_BIT_DEPTHS = (8, 10, 12, 14, 16)
_ORIENTATION = 0x0112  # EXIF
_METADATA = frozenset(("exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp", "Raw profile type xmp"))
"""Where Pillow finds an orientation; the one of a TIFF it applies by itself."""
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """The largest image that is decoded, and the CPU time for it."""

    pixels: int = MAX_PIXELS
    side: int = 30_000
    """RawImage along the longer side."""
    seconds: float = 1.4
    """Largest CPU time; small images have less, see `seconds_for`."""
    single: bool = False
    """Whether an image of several frames or pages is refused."""

    def seconds_for(self, pixels: int) -> float:
        """CPU time for an image of so many pixels: about 5 times what images need on a CPU of 2020."""
        return min(self.seconds, _SECONDS + _SECONDS_PER_PIXEL * pixels)


@dataclass(frozen=True, slots=True)
class RawImage:
    """uint8 pixels row by row; height, width, channels: 1 for grey, 3 for colour, 4 where parts are transparent."""

    shape: tuple[int, int, int]
    content: bytes


def load_plugins() -> None:
    """Import the decoders of Pillow: with a format that is not loaded, it would import all of its own.

    Only the process that decodes needs them.
    """
    from PIL import (  # noqa: F401
        BmpImagePlugin,
        GifImagePlugin,
        JpegImagePlugin,
        PngImagePlugin,
        PpmImagePlugin,
        TiffImagePlugin,
        WebPImagePlugin,
    )


def decode(data: bytes, limits: DecodeLimits, limit_time: Callable[[float], None] = lambda _: None) -> RawImage:
    """Decode a file.

    `limit_time` is called with the CPU seconds to open the file and, once its size is known, to decode it. Raises
    `ImageError`: not_an_image, too_many_pixels before they take memory, too_complex, animated.
    """
    load_plugins()
    # Pillow would refuse large images before their size is known; the limits here apply instead.
    Image.MAX_IMAGE_PIXELS = None
    limit_time(limits.seconds_for(0))
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            check_size(image.width, image.height, limits)
            limit_time(limits.seconds_for(image.width * image.height))
            if limits.single and getattr(image, "is_animated", False):
                raise ImageError("animated", "the image moves, or has several pages; give a single one")
            if image.format == "JPEG" and data.count(_START_OF_SCAN) > MAX_SCANS:
                raise ImageError("too_complex", f"the JPEG has more than {MAX_SCANS} scans; save it as PNG")
            return pillow_pixels(image)
    except UnidentifiedImageError:
        raise ImageError(
            "not_an_image", f"no image of a format that can be read: {', '.join(FORMATS)}, or PDF from a file"
        ) from None
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 Pillow does not document what its decoders raise for damaged files
        message = " ".join(str(error).split())[:100] or type(error).__name__
        raise ImageError("not_an_image", f"the image is damaged: {message}") from None


def count_pages(pdf: bytes) -> int:
    """The number of pages of a PDF; raises `ImageError` not_an_image."""
    with _open_pdf(pdf) as document:
        return len(document)


def draw_page(pdf: bytes, number: int, limits: DecodeLimits) -> RawImage:
    """Page `number` (from 1), of shape (H, W, 3); raises `ImageError`: not_an_image, no_such_page, ..."""
    from pypdfium2 import PdfiumError

    with _open_pdf(pdf) as document:
        if not 1 <= number <= len(document):
            raise ImageError("no_such_page", f"there is no page {number}; the file has {len(document)}")
        try:
            page = document[number - 1]
            width, height = (round(side * PDF_DPI / _POINTS_PER_INCH) for side in page.get_size())
            check_size(width, height, limits)
            pixels = page.render(scale=PDF_DPI / _POINTS_PER_INCH, rev_byteorder=True).to_numpy()[..., :3]
            return RawImage(pixels.shape, pixels.tobytes())
        except PdfiumError as error:
            raise ImageError("not_an_image", f"page {number} cannot be drawn: {error}") from None


def _open_pdf(pdf: bytes) -> PdfDocument:
    from pypdfium2 import PdfDocument, PdfiumError

    try:
        return PdfDocument(pdf)
    except PdfiumError as error:
        raise ImageError("not_an_image", f"not a PDF that can be read: {error}") from None


def decode_png(data: bytes) -> NDArray[np.uint8]:
    """Gray pixels (H, W), 255 paper, of a PNG that this project has written; raises `ImageError` not_an_image."""
    import numpy as np

    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            return np.array(image if image.mode == "L" else image.convert("L"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ImageError("not_an_image", f"not a PNG that can be read: {error}") from None


def check_size(width: int, height: int, limits: DecodeLimits) -> None:
    """Raise `ImageError` too_many_pixels where an image of that size is over the limits."""
    if width * height > limits.pixels or max(width, height) > limits.side:
        raise ImageError(
            "too_many_pixels",
            f"{width} x {height} pixels are more than {limits.pixels:,}, or than {limits.side:,} along a side; "
            "give a smaller image",
        )


def read_bytes(path: Path | str) -> bytes:
    """The content of a file; raises `ImageError` unreadable."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ImageError("unreadable", f"the file cannot be read: {error.strerror}") from None


def pillow_pixels(image: Image.Image) -> RawImage:
    """Pixels of a PIL image of any mode, its EXIF orientation applied, as `decode` returns them."""
    image.load()  # a PNG's EXIF data may follow its pixels
    image = _apply_orientation(image)
    if image.mode == "F" or image.mode.startswith("I"):
        return RawImage((image.height, image.width, 1), _to_eight_bits(image))
    wanted = "RGBA" if image.has_transparency_data else "L" if image.mode in ("1", "L") else "RGB"
    converted = image if image.mode == wanted else image.convert(wanted)
    return RawImage((image.height, image.width, len(wanted)), converted.tobytes())


def _apply_orientation(image: Image.Image) -> Image.Image:
    """The image with its EXIF orientation applied; unchanged where the EXIF data are damaged."""
    if not image.info.keys() & _METADATA:
        return image
    try:
        turn = _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 as above
        turn = None
    return image if turn is None else image.transpose(turn)


def _to_eight_bits(image: Image.Image) -> bytes:
    """More than 8 bits to 8, which Pillow would clip.

    Files of 16 bits often hold the 8, 10, 12 or 14 bits of a camera. Larger values are scaled by their own range.
    """
    deep = image if image.mode == "F" else image.convert("I")
    low, high = deep.getextrema()
    assert isinstance(low, int | float)
    assert isinstance(high, int | float)
    ranges = [(1 << bits) - 1 for bits in _BIT_DEPTHS if high < 1 << bits]
    most = ranges[0] if deep.mode == "I" and ranges else high
    if not math.isfinite(most) or low < 0:
        raise ValueError("values of its pixels are out of range")
    scale = 255 / max(most, 1e-9)
    # Pillow truncates where it converts floats to grayscale.
    return deep.convert("F").point(lambda value: value * scale + 0.5).convert("L").tobytes()
