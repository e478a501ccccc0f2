"""Pixels to small PNGs for the page: the same pixels give the same bytes."""

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from im2latex.errors import InputError
from im2latex.images.arrays import Pixels
from im2latex.images.formats import decode_png
from im2latex.reporting.breakdown_model import InlineImage
from im2latex.reporting.difference import Overlay

MAX_WIDTH_PX = 1600
MAX_HEIGHT_PX = 800
"""Larger images are shrunk, so that one photograph cannot fill the page's budget."""

COLOURS = {
    Overlay.PAPER: (255, 255, 255),
    Overlay.BOTH: (40, 42, 46),
    Overlay.MISSED: (200, 64, 32),
    Overlay.ADDED: (24, 110, 200),
}
"""Told apart by readers with any kind of colour vision: orange-red against blue."""


def grey_image(pixels: Pixels, density: float) -> InlineImage:
    """Encode uint8 (H, W); `density` is the number of image pixels in one CSS pixel."""
    return _encode(Image.fromarray(pixels), density)


def stored_image(data: bytes, density: float) -> InlineImage | None:
    """Take over a PNG of a data set as grey; None where the bytes are none."""
    try:
        return grey_image(decode_png(data), density)
    except InputError:
        return None


def overlay_image(overlay: NDArray[np.uint8], density: float) -> InlineImage:
    """Encode an array of `Overlay` in its colours."""
    palette = np.array([COLOURS[kind] for kind in Overlay], np.uint8)
    return _encode(Image.fromarray(palette[overlay]), density)


def data_uri(png: bytes) -> str:
    """The image as text inside the page."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def _encode(image: Image.Image, density: float) -> InlineImage:
    width, height = max(1, round(image.width / density)), max(1, round(image.height / density))
    image.thumbnail((MAX_WIDTH_PX, MAX_HEIGHT_PX), Image.Resampling.LANCZOS)
    if image.mode == "RGB":
        image = image.quantize(16, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return InlineImage(file.getvalue(), width, height)
