"""Bytes from anywhere to pixels: the one door for pictures that nobody vouches for.

Only formats that Pillow decodes by itself, within limits, and nothing that would start a program. Of several frames
the first is taken; what a camera noted about its orientation is obeyed.
"""

import io
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from im2latex.errors import PictureError
from im2latex.imaging.raster import MOST_PIXELS

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".pbm", ".pgm", ".ppm", ".pnm")
)
_DAMAGED = (OSError, SyntaxError, ValueError, OverflowError, EOFError, IndexError, struct.error, zlib.error)
"""What Pillow raises for damaged files, beside its own kinds of OSError."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest picture that is decoded: all its pixels, and those along its longer side."""

    pixels: int = MOST_PIXELS
    side: int = 30_000


def decode(data: bytes, limits: Limits | None = None) -> NDArray[np.uint8]:
    """The pixels of a file: (H, W) where it is grey, (H, W, 3) in colour, (H, W, 4) where parts are transparent.

    Raises `PictureError`: not_a_picture, or too_many_pixels before they take memory.
    """
    limits = limits or Limits()
    try:
        # Pillow warns of large pictures before their size can be asked, and of damage that it gets over.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                check_size(image.width, image.height, limits)
                return as_pixels(ImageOps.exif_transpose(image))
    except Image.DecompressionBombError as error:
        raise PictureError("too_many_pixels", f"{error}; give a smaller picture") from None
    except UnidentifiedImageError:
        raise PictureError(
            "not_a_picture", f"no picture of a format that can be read: {', '.join(FORMATS)}, or PDF from a file"
        ) from None
    except _DAMAGED as error:
        raise PictureError("not_a_picture", f"the picture is damaged: {' '.join(str(error).split())}") from None


def check_size(width: int, height: int, limits: Limits) -> None:
    """Raise `PictureError` too_many_pixels where a picture of that size is over the limits."""
    if width * height > limits.pixels or max(width, height) > limits.side:
        raise PictureError(
            "too_many_pixels",
            f"{width} x {height} pixels are more than {limits.pixels:,}, or than {limits.side:,} along a side; "
            "give a smaller picture",
        )


def read_bytes(path: Path | str) -> bytes:
    """What a file holds; raises `PictureError` unreadable."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise PictureError("unreadable", f"the file cannot be read: {error.strerror}") from None


def as_pixels(image: Image.Image) -> NDArray[np.uint8]:
    """Pixels of an image of any mode, as `decode` gives them."""
    if image.mode == "F" or image.mode.startswith("I"):
        return _shallow(np.asarray(image))
    if image.has_transparency_data:
        return np.asarray(image.convert("RGBA"))
    return np.asarray(image.convert("L" if image.mode in ("1", "L") else "RGB"))


def _shallow(deep: NDArray[np.generic]) -> NDArray[np.uint8]:
    """16 bits to 8, which Pillow would clip; deeper values by their own range."""
    values = deep.astype(np.float64)
    most = 65535.0 if deep.dtype.kind in "ui" and values.max(initial=0) < 1 << 16 else float(values.max(initial=0))
    if not np.isfinite(most) or values.min(initial=0) < 0:
        raise ValueError("values of its pixels are out of range")
    return np.rint(values * (255 / max(most, 1e-9))).astype(np.uint8)
