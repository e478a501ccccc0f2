"""Any picture of a formula to the kind that a model was trained on: what lies between a user's file and a checkpoint.

In this order: how much ink is at each pixel (`background`); the formula without specks and edges (`cropping`); the
size of its type (`symbolsize`); the ink resized to the size that was trained on; dark ink on white, paper around it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from im2latex.errors import PictureError
from im2latex.imaging.background import Ink, ink_of
from im2latex.imaging.cropping import crop_ink
from im2latex.imaging.raster import PAPER, Pixels, pad
from im2latex.imaging.symbolsize import estimate

POINTS_PER_INCH = 72.27

AS_IT_IS = 1.08
"""A picture that is to be resized by less than this is not: resizing blurs, and models bear more."""
MOST_SHRUNK = 1.6
"""A formula that is too large for the largest page is drawn smaller by up to this, then it is refused."""
_LARGE = 4_000_000
"""Pictures of so many pixels, such as photographs, are halved before all else, as often as it takes."""


@dataclass(frozen=True, slots=True)
class Target:
    """The pictures that a model reads, in pixels: the em of its type, paper around the ink, largest height and width.

    An em is the nominal size of a type, 12 points in the data set's pictures of 100 dots an inch.
    """

    em: float = 12 / POINTS_PER_INCH * 100
    padding: int = 4
    height: int = 160
    width: int = 800


@dataclass(frozen=True, slots=True)
class Adapted:
    """A grey picture (h, w), 255 paper, and the factor by which the original was resized."""

    pixels: Pixels
    factor: float


def adapt(pixels: NDArray[np.uint8], target: Target) -> Adapted:
    """A picture (H, W), (H, W, 3) or (H, W, 4), of any background, as the model knows pictures.

    Raises `PictureError`: blank, or too_large.
    """
    pixels, halved = _manageable(pixels)
    ink = crop_ink(ink_of(pixels)) if pixels.size else None
    if ink is None:
        raise PictureError("blank", "there is no ink on the picture; give one that shows a formula")
    drawn = resized(ink, target.em / estimate(ink).em, target)
    return Adapted(drawn.pixels, drawn.factor / halved)


def resized(ink: Ink, factor: float, target: Target) -> Adapted:
    """Cropped ink (h, w) drawn `factor` times as large on white paper; raises `PictureError`: too_large."""
    height, width = ink.shape
    most = min((target.height - 2 * target.padding) / height, (target.width - 2 * target.padding) / width)
    if factor > MOST_SHRUNK * most:
        raise PictureError(
            "too_large",
            f"at the size of type that the model reads the formula has {round(factor * width)} x "
            f"{round(factor * height)} pixels, and the model reads {target.width} x {target.height}; "
            "give the formula in parts",
        )
    if 1 / AS_IT_IS < factor < AS_IT_IS:
        factor = 1.0
    factor = min(factor, most)
    if factor != 1:
        size = max(1, round(factor * width)), max(1, round(factor * height))
        # Both weigh every pixel of the original by how much of the new one it covers, so that no stroke is lost.
        how = Image.Resampling.HAMMING if factor < 1 else Image.Resampling.BILINEAR
        ink = np.asarray(Image.fromarray(ink).resize(size, how))
    drawn = np.rint(PAPER * (1 - ink)).clip(0, PAPER).astype(np.uint8)
    return Adapted(pad(drawn, target.padding), factor)


def _manageable(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int]:
    """The picture at half, a quarter ... of its size until it is not large, and the divisor."""
    divisor = 1
    while pixels.shape[0] * pixels.shape[1] > _LARGE * divisor**2:
        divisor *= 2
    return (pixels if divisor == 1 else np.asarray(Image.fromarray(pixels).reduce(divisor))), divisor
