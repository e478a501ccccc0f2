"""Any image of a formula to the kind that a model was trained on: what lies between a user's file and a checkpoint.

In this order: how much ink is at each pixel (`background`); the formula without specks and edges (`cropping`) and
upright (`skew`); the size of its type (`symbolsize`); the ink resized to the size that was trained on; dark ink on
white, paper around it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from im2latex.errors import ImageError
from im2latex.images.arrays import PAPER, Pixels, pad
from im2latex.images.crop import crop_ink
from im2latex.images.deskew import deskew
from im2latex.images.font_size import estimate_font_size
from im2latex.images.foreground import Ink, estimate_ink

POINTS_PER_INCH = 72.27

AS_IT_IS = (0.85, 1.4)
"""An image that is to be resize_ink by a factor between these is not: what enlarging blurs costs a model more than type
of another size, and the estimate of the size may be wrong by as much."""
MOST_SHRUNK = 1.6
"""A formula that is too large for the largest page is drawn smaller by up to this, then it is refused."""
_LARGE = 4_000_000
"""Images of so many pixels, such as photographs, are halved before all else, as often as it takes."""


@dataclass(frozen=True, slots=True)
class InputImageSpec:
    """The images that a model reads, in pixels: the em of its type, paper around the ink, largest height and width.

    An em is the nominal size of a type, 12 points in the data set's images of 100 dots an inch.
    """

    em: float = 12 / POINTS_PER_INCH * 100
    padding: int = 4
    height: int = 160
    width: int = 800


@dataclass(frozen=True, slots=True)
class PreprocessedImage:
    """A grey image (h, w), 255 paper, and the factor by which the original was resize_ink."""

    pixels: Pixels
    factor: float


def preprocess(pixels: NDArray[np.uint8], target: InputImageSpec) -> PreprocessedImage:
    """An image (H, W), (H, W, 3) or (H, W, 4), of any background, as the model knows images.

    Raises `ImageError`: blank, or too_large.
    """
    pixels, halved = _manageable(pixels)
    ink = crop_ink(estimate_ink(pixels)) if pixels.size else None
    if ink is None:
        raise ImageError("blank", "there is no ink on the image; give one that shows a formula")
    ink = deskew(ink)
    drawn = resize_ink(ink, target.em / estimate_font_size(ink).em, target)
    return PreprocessedImage(drawn.pixels, drawn.factor / halved)


def resize_ink(ink: Ink, factor: float, target: InputImageSpec) -> PreprocessedImage:
    """Cropped ink (h, w) drawn `factor` times as large on white paper; raises `ImageError`: too_large."""
    if AS_IT_IS[0] < factor < AS_IT_IS[1]:
        factor = 1.0
    height, width = ink.shape
    most = min((target.height - 2 * target.padding) / height, (target.width - 2 * target.padding) / width)
    if factor > MOST_SHRUNK * most:
        raise ImageError(
            "too_large",
            f"at the size of type that the model reads the formula has {round(factor * width)} x "
            f"{round(factor * height)} pixels, and the model reads {target.width} x {target.height}; "
            "give the formula in parts",
        )
    factor = min(factor, most)
    if factor != 1:
        size = max(1, round(factor * width)), max(1, round(factor * height))
        # Both weigh every pixel of the original by how much of the new one it covers, so that no stroke is lost.
        how = Image.Resampling.HAMMING if factor < 1 else Image.Resampling.BILINEAR
        ink = np.asarray(Image.fromarray(ink).resize(size, how))
    drawn = np.rint(PAPER * (1 - ink)).clip(0, PAPER).astype(np.uint8)
    return PreprocessedImage(pad(drawn, target.padding), factor)


def _manageable(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int]:
    """The image at half, a quarter ... of its size until it is not large, and the divisor."""
    divisor = 1
    while pixels.shape[0] * pixels.shape[1] > _LARGE * divisor**2:
        divisor *= 2
    return (pixels if divisor == 1 else np.asarray(Image.fromarray(pixels).reduce(divisor))), divisor
