"""Any picture of a formula to the kind that a model was trained on: what lies between a user's file and a checkpoint.

In this order: one number a pixel for how far it is from the paper (`background`); the box of the ink; the size of the
symbols (`symbolsize`); the picture resized to the size that was trained on; dark ink on white; paper around it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from im2latex.errors import PictureError
from im2latex.imaging.background import ink_of
from im2latex.imaging.raster import Pixels, ink_box, pad
from im2latex.imaging.symbolsize import em_size


@dataclass(frozen=True, slots=True)
class Target:
    """The pictures that a model reads, in pixels: size of the type, paper around the ink, largest height and width."""

    em: float = 12 / 72.27 * 100
    padding: int = 4
    height: int = 160
    width: int = 800


@dataclass(frozen=True, slots=True)
class Adapted:
    """A grey picture (h, w), 255 paper, and the factor by which the original was resized."""

    pixels: Pixels
    factor: float


INK = 0.25
"""Pixels with more than this share of full ink tell where a formula is; less may be noise of a camera or of JPEG."""
SMALLEST_FACTOR_LOSS = 0.7
"""A formula too large for the model's largest page is shrunk by this at most."""


def adapt(pixels: NDArray[np.uint8], target: Target) -> Adapted:
    """A picture (H, W), (H, W, 3) or (H, W, 4), of any background, as the model knows pictures.

    Raises `PictureError`: blank, or too_large.
    """
    ink = ink_of(pixels)
    box = ink_box((255 * (1 - ink)).astype(np.uint8), round(255 * (1 - INK)))
    if box is None:
        raise PictureError("blank", "there is no ink on the picture; give one with a formula")
    top, bottom, left, right = box
    edge = max(1, round(0.02 * (bottom - top)))
    ink = ink[max(0, top - edge) : bottom + edge, max(0, left - edge) : right + edge]
    return resized(ink, target.em / em_size(ink), target)


def resized(ink: NDArray[np.float32], factor: float, target: Target) -> Adapted:
    """Ink (h, w), cropped, drawn `factor` times as large on white paper; raises `PictureError`: too_large."""
    fitting = min(
        factor,
        (target.height - 2 * target.padding) / ink.shape[0],
        (target.width - 2 * target.padding) / ink.shape[1],
    )
    if fitting < SMALLEST_FACTOR_LOSS * factor:
        height, width = (round(factor * side) for side in ink.shape)
        raise PictureError(
            "too_large",
            f"the formula would be {width} x {height} pixels, and the model reads {target.width} x {target.height}; "
            "give it in parts",
        )
    size = max(1, round(fitting * ink.shape[1])), max(1, round(fitting * ink.shape[0]))
    # Pillow's bilinear filter widens when it shrinks, so that every pixel of the original counts.
    small = np.asarray(Image.fromarray(ink).resize(size, Image.Resampling.BILINEAR))
    drawn = np.rint(255 * (1 - small)).clip(0, 255).astype(np.uint8)
    return Adapted(pad(drawn, target.padding), fitting)
