"""What strangers send as a picture: looked at before it is decoded, and refused with a sentence.

Takes the bytes of a file; gives pixels uint8 (H, W), (H, W, 3) or (H, W, 4), upright.
"""

import io
import struct

import numpy as np
from fastapi import Request
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from starlette.datastructures import UploadFile

from im2latex.errors import InputError

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
_SMALLEST_SIDE = 4
_LARGEST_SIDE = 16_384
_ENOUGH_PIXELS = 4_000_000
"""Larger pictures are shrunk to this: a formula over a third of such a page is still larger than a model reads it."""


async def upload(request: Request) -> bytes:
    """The picture in a request: the first file of a form, or the body itself; raises `InputError`."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return await request.body()
    async with request.form(max_files=1, max_fields=8) as form:
        for value in form.values():
            if isinstance(value, UploadFile):
                return await value.read()
    raise InputError("The form holds no file; send the picture as its field `file`")


def decode(data: bytes, most_pixels: int) -> NDArray[np.uint8]:
    """The pixels of a picture file; raises `InputError` for whatever is none, is too large or moves."""
    if not data:
        raise InputError("The request holds no picture; send one as the body, or as a form's field `file`")
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            _check(image, most_pixels)
            image.draft("RGB", _reduced(image.size))  # JPEG is decoded small at once
            upright = ImageOps.exif_transpose(image)
            return _pixels(upright)
    except UnidentifiedImageError:
        raise InputError(f"This is not a picture that can be read; send one of {', '.join(FORMATS)}") from None
    except Image.DecompressionBombError:
        raise InputError(f"The picture has more than {most_pixels:,} pixels; send a smaller one") from None
    except (OSError, ValueError, SyntaxError, EOFError, struct.error, MemoryError) as error:
        why = str(error).rstrip(".") or type(error).__name__
        raise InputError(f"The picture is damaged or cut off ({why}); send it again") from None


def _check(image: Image.Image, most_pixels: int) -> None:
    """Refuse, by what the header says, what is not worth decoding."""
    width, height = image.size
    if width * height > most_pixels:
        raise InputError(f"The picture has {width} x {height} pixels, more than {most_pixels:,}; send a smaller one")
    if min(width, height) < _SMALLEST_SIDE or max(width, height) > _LARGEST_SIDE:
        raise InputError(
            f"The picture has {width} x {height} pixels; each side must have {_SMALLEST_SIDE} to {_LARGEST_SIDE:,}"
        )
    if getattr(image, "is_animated", False):
        raise InputError("The picture moves, or has several pages; send a single one")


def _reduced(size: tuple[int, int]) -> tuple[int, int]:
    """The size at which a picture is read."""
    factor = min(1.0, (_ENOUGH_PIXELS / (size[0] * size[1])) ** 0.5)
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _pixels(image: Image.Image) -> NDArray[np.uint8]:
    """Grey, colour, or colour with transparency, 8 bits a channel."""
    if image.mode.startswith("I"):  # Pillow would clip 16 bits where it should scale them
        image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8))
    if image.mode not in ("L", "RGB", "RGBA"):
        clear = image.has_transparency_data
        image = image.convert("RGBA" if clear else "L" if image.mode in ("1", "L;16", "F") else "RGB")
    small = _reduced(image.size)
    return np.array(image if small == image.size else image.resize(small, Image.Resampling.BOX))
