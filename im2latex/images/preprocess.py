"""Preprocessing: an image of a formula, of any kind, to the images that a model was trained on.

The steps: estimate the ink of each pixel (`foreground`); remove specks and edges (`crop`); deskew; estimate the font
size (`font_size`) and resize to that of the training images; draw dark ink on white paper.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from im2latex.errors import ImageError
from im2latex.images.arrays import PAPER, Pixels, pad
from im2latex.images.crop import locate_ink
from im2latex.images.deskew import deskew
from im2latex.images.font_size import estimate_font_size
from im2latex.images.foreground import BoundingBox, Ink, estimate_ink

POINTS_PER_INCH = 72.27

UNCHANGED_FACTORS = (0.85, 1.4)
"""Images are not resized by factors between these: blur costs a model more accuracy than another font size, and the
estimate of the size may be wrong by as much."""
MAX_SHRINK = 1.6
"""A formula that is too large for the model is shrunk by up to this factor, then it is refused."""
_MARGIN_PX = 16
"""Least paper around a formula that is taken from a large page."""
_MAX_PIXELS = 4_000_000
"""Larger images, such as photographs, are halved until they have fewer pixels."""


@dataclass(frozen=True, slots=True)
class InputImageSpec:
    """The input images of a model, in pixels: em of the font, padding around the ink, largest height and width.

    An em is the nominal font size, 12 points at 100 dpi in the images of the dataset.
    """

    em: float = 12 / POINTS_PER_INCH * 100
    padding: int = 4
    height: int = 160
    width: int = 800


@dataclass(frozen=True, slots=True)
class PreprocessedImage:
    """A grayscale image (h, w), 255 paper, and where it was in the original.

    `factor` is that of the resizing, `center` the position (y, x) of its center in the original.
    """

    pixels: Pixels
    factor: float
    center: tuple[float, float]

    def to_original(self, box: BoundingBox) -> BoundingBox:
        """Convert a box (top, bottom, left, right) to pixels of the original; the rotation is ignored."""
        (height, width), (y, x) = self.pixels.shape, self.center
        top, bottom = (round(y + (edge - height / 2) / self.factor) for edge in box[:2])
        left, right = (round(x + (edge - width / 2) / self.factor) for edge in box[2:])
        return max(0, top), bottom, max(0, left), right


def preprocess(pixels: NDArray[np.uint8], spec: InputImageSpec) -> PreprocessedImage:
    """Convert an image (H, W), (H, W, 3) or (H, W, 4), of any background, to an input image of a model.

    Raises `ImageError`: blank, or too_large.
    """
    ink, divisor, center = _locate(pixels)
    ink = deskew(ink)
    drawn, factor = resize_ink(ink, spec.em / estimate_font_size(ink).em, spec)
    return PreprocessedImage(drawn, factor / divisor, center)


def _locate(pixels: NDArray[np.uint8]) -> tuple[Ink, int, tuple[float, float]]:
    """Cropped ink of the formula, the divisor of its sides, and its center (y, x) in the image.

    A small formula on a large page is located on the halved page, and then taken from a part of the page that has to be
    halved less.
    """
    reduced, divisor = _halve_large(pixels)
    located = locate_ink(estimate_ink(reduced)) if reduced.size else None
    if located is None:
        raise ImageError("blank", "there is no ink on the image; give one that shows a formula")
    ink, (top, bottom, left, right) = located
    margin = max(_MARGIN_PX, (bottom - top) // 2)
    rows, columns = (
        (max(0, start - margin) * divisor, (end + margin) * divisor) for start, end in ((top, bottom), (left, right))
    )
    part = pixels[slice(*rows), slice(*columns)]
    if _divisor(part) < divisor:
        ink, divisor, (y, x) = _locate(part)
        return ink, divisor, (rows[0] + y, columns[0] + x)
    return ink[top:bottom, left:right], divisor, ((top + bottom) * divisor / 2, (left + right) * divisor / 2)


def _halve_large(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int]:
    """The image, halved until it has at most `_MAX_PIXELS`, and the divisor of its sides."""
    divisor = _divisor(pixels)
    return (pixels if divisor == 1 else np.asarray(Image.fromarray(pixels).reduce(divisor))), divisor


def _divisor(pixels: NDArray[np.uint8]) -> int:
    divisor = 1
    while pixels.shape[0] * pixels.shape[1] > _MAX_PIXELS * divisor**2:
        divisor *= 2
    return divisor


def resize_ink(ink: Ink, factor: float, spec: InputImageSpec) -> tuple[Pixels, float]:
    """Draw cropped ink (h, w) on white paper, about `factor` times as large, and return that factor too.

    Raises `ImageError`: too_large.
    """
    if UNCHANGED_FACTORS[0] < factor < UNCHANGED_FACTORS[1]:
        factor = 1.0
    height, width = ink.shape
    most = min((spec.height - 2 * spec.padding) / height, (spec.width - 2 * spec.padding) / width)
    if factor > MAX_SHRINK * most:
        raise ImageError(
            "too_large",
            f"too much for one formula: {round(factor * width)} x {round(factor * height)} pixels at the font size of "
            f"the model, which takes at most {spec.width} x {spec.height}; crop it to one formula, or to a part of it",
        )
    factor = min(factor, most)
    if factor != 1:
        size = max(1, round(factor * width)), max(1, round(factor * height))
        # Both filters weight every pixel of the original by how much of the new one it covers, so no stroke is lost.
        resample = Image.Resampling.HAMMING if factor < 1 else Image.Resampling.BILINEAR
        ink = np.asarray(Image.fromarray(ink).resize(size, resample))
    drawn = np.rint(PAPER * (1 - ink)).clip(0, PAPER).astype(np.uint8)
    return pad(drawn, spec.padding), factor
