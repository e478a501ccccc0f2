"""What strangers send as an image: taken out of the request, and decoded if it is one that can hold a formula.

Takes the bytes of a file; gives pixels uint8 (H, W), (H, W, 3) or (H, W, 4), upright.
"""

import asyncio
from contextlib import suppress

import numpy as np
from fastapi import Request
from numpy.typing import NDArray
from PIL import Image
from starlette.datastructures import UploadFile

from im2latex.errors import Im2LatexError, ImageError, InputError
from im2latex.images.decode import ImageDecoder, borrow_decoder, decode_image
from im2latex.images.formats import DecodeLimits

_SMALLEST_SIDE = 4
_LARGEST_SIDE = 16_384
_SECONDS = 1.0
"""Most processor time to decode an image; those of 25 million pixels take up to 0.8 s."""
_ENOUGH_PIXELS = 4_000_000
"""Larger images are shrunk to this: a formula over a third of such a page is still larger than a model reads it."""


async def upload(request: Request) -> bytes:
    """The image in a request: the first file of a form, or the body itself; raises `InputError`."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return await request.body()
    async with request.form(max_files=1, max_fields=8) as form:
        for value in form.values():
            if isinstance(value, UploadFile):
                return await value.read()
    raise InputError("the form holds no file; send the image as its field `file`")


async def decode_while_wanted(data: bytes, most_pixels: int) -> NDArray[np.uint8]:
    """As `decode`, in a thread; where the caller is cancelled, the decoder is killed first."""
    with borrow_decoder() as decoder:
        work = asyncio.ensure_future(asyncio.to_thread(decode, data, most_pixels, decoder))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            decoder.stop()
            with suppress(Im2LatexError):
                await work
            raise


def decode(data: bytes, most_pixels: int, decoder: ImageDecoder | None = None) -> NDArray[np.uint8]:
    """The pixels of an image file; raises `InputError` where there is none, `ImageError` where it is of no use."""
    if not data:
        raise InputError("the request holds no image; send one as the body, or as a form's field `file`")
    decode_one = decoder.decode if decoder is not None else decode_image
    pixels = decode_one(data, DecodeLimits(most_pixels, _LARGEST_SIDE, _SECONDS, single=True))
    if min(pixels.shape[:2]) < _SMALLEST_SIDE:
        height, width = pixels.shape[:2]
        raise ImageError(
            "too_small", f"{width} x {height} pixels hold no formula; give {_SMALLEST_SIDE} or more a side"
        )
    return _shrunk(pixels)


def _shrunk(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    factor = (_ENOUGH_PIXELS / (height * width)) ** 0.5
    if factor >= 1:
        return pixels
    size = max(1, round(factor * width)), max(1, round(factor * height))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))
