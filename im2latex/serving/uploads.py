"""Uploaded files: images and pages of PDFs, decoded in a sandboxed process that a client can cancel."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from starlette.datastructures import UploadFile
from starlette.requests import Request

from im2latex.errors import Im2LatexError, ImageError, InputError
from im2latex.images.decode import PDF_MARK, DecodeLimits
from im2latex.images.sandboxed_decoder import PAGES, ImageDecoder, borrow_decoder, decode_image

_MIN_SIDE = 4
_MAX_SIDE = 16_384
_DECODE_CPU_SECONDS = 1.0
"""Maximum CPU time to decode an image; those of 25 million pixels take up to 0.8 s."""
_MAX_OUTPUT_PIXELS = 4_000_000
"""Larger images are reduced to this: a formula on a third of such a page is still larger than the model's input."""
Result = TypeVar("Result")


async def read_upload(request: Request) -> bytes:
    """The bytes of the image in a request: the first file of a form, or the body itself; raises `InputError`."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return await request.body()
    async with request.form(max_files=1, max_fields=8) as form:
        for value in form.values():
            if isinstance(value, UploadFile):
                return await value.read()
    raise InputError("the form contains no file; send the image as its field `file`")


async def run_decoder(function: Callable[[ImageDecoder], Result]) -> Result:
    """Call a function with a decoder, in a thread; on cancellation the decoder process is killed first."""
    with borrow_decoder() as decoder:
        work = asyncio.ensure_future(asyncio.to_thread(function, decoder))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            decoder.stop()
            with suppress(Im2LatexError):
                await work
            raise


def decode_upload(data: bytes, max_pixels: int, decoder: ImageDecoder | None = None) -> NDArray[np.uint8]:
    """Decode an image file to pixels uint8 (H, W), (H, W, 3) or (H, W, 4), upright.

    Raises `InputError` where there is no file, `ImageError` where it cannot be used.
    """
    if not data:
        raise InputError("the request contains no image; send one as the body, or as a form's field `file`")
    if data.startswith(PDF_MARK):
        raise ImageError(
            "not_an_image", "this is a PDF; get the image of one page from /pdf-page, and send its part here"
        )
    decode = decoder.decode if decoder is not None else decode_image
    pixels = decode(data, DecodeLimits(max_pixels, _MAX_SIDE, _DECODE_CPU_SECONDS, single=True))
    if min(pixels.shape[:2]) < _MIN_SIDE:
        height, width = pixels.shape[:2]
        raise ImageError(
            "too_small", f"{width} x {height} pixels are too few for a formula; the minimum is {_MIN_SIDE} per side"
        )
    return _reduce(pixels)


def draw_page(data: bytes, page: int, max_pixels: int, decoder: ImageDecoder) -> tuple[NDArray[np.uint8], int]:
    """A page of a PDF as pixels (H, W, 3), and the number of its pages; raises `InputError`, `ImageError`."""
    if not data:
        raise InputError("the request contains no PDF; send one as the body, or as a form's field `file`")
    if not data.startswith(PDF_MARK):
        raise ImageError("not_an_image", "this is no PDF; send an image to /predict")
    pages = decoder.count_pages(data)
    pixels = decoder.draw_page(data, page, DecodeLimits(max_pixels, _MAX_SIDE, PAGES.seconds))
    return _reduce(pixels), pages


def _reduce(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    factor = (_MAX_OUTPUT_PIXELS / (height * width)) ** 0.5
    if factor >= 1:
        return pixels
    size = max(1, round(factor * width)), max(1, round(factor * height))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))
