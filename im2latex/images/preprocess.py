"""Preprocessing: an image of a formula, of any kind, to the images that a model was trained on.

The steps: estimate the ink of each pixel, remove specks and edges (`foreground`); rotate upright; estimate the font
size (`font_size`) and resize to that of the training images; draw dark ink on white paper.

Fraction bars, baselines and the tops of letters are horizontal, so that the amount of ink changes much from row to row
in an upright formula, and little in a rotated one: the sum of the squares of these changes is largest at the angle of
the lines (Postl, "Detection of linear oblique structures and skew scan in digitized documents", 1986).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from im2latex.errors import ImageError
from im2latex.images.arrays import PAPER, Pixels, pad
from im2latex.images.font_size import estimate_font_size
from im2latex.images.foreground import Ink, crop_ink, estimate_ink, stroke_width, trim

POINTS_PER_INCH = 72.27

UNCHANGED_FACTORS = (0.85, 1.4)
"""Images are not resized by factors between these: blur costs a model more accuracy than another font size, and the
estimate of the size may be wrong by as much."""
MAX_SHRINK = 1.6
"""A formula that is too large for the model is shrunk by up to this factor, then it is refused."""
_MAX_PIXELS = 4_000_000
"""Larger images, such as photographs, are first halved until they have fewer pixels."""
MAX_DEGREES = 3.5
"""Larger angles are not considered: formulas of few symbols have rising lines of their own."""
MIN_WIDTH = 80.0
"""Width, in stroke widths, below which a formula is not rotated: its angle is uncertain and matters little."""
MIN_GAIN = 1.5
"""How many times better than upright the best angle must be, so that no upright formula is rotated."""
_DESKEW_STROKE_PX = 3.0
_DESKEW_PIXELS = 400_000
_DESKEW_INK = 0.45
_MIN_STEP_DEGREES = 0.05


@dataclass(frozen=True, slots=True)
class InputImageSpec:
    """The input images of a model, in pixels: em of the font, padding around the ink, largest height and width.

    An em is the nominal font size, 12 points at 100 dpi in the images of the data set.
    """

    em: float = 12 / POINTS_PER_INCH * 100
    padding: int = 4
    height: int = 160
    width: int = 800


@dataclass(frozen=True, slots=True)
class PreprocessedImage:
    """A grayscale image (h, w), 255 paper, and the factor by which the original was resized."""

    pixels: Pixels
    factor: float


def preprocess(pixels: NDArray[np.uint8], spec: InputImageSpec) -> PreprocessedImage:
    """Convert an image (H, W), (H, W, 3) or (H, W, 4), of any background, to an input image of a model.

    Raises `ImageError`: blank, or too_large.
    """
    pixels, halved = _halve_large(pixels)
    ink = crop_ink(estimate_ink(pixels)) if pixels.size else None
    if ink is None:
        raise ImageError("blank", "there is no ink on the image; give one that shows a formula")
    ink = deskew(ink)
    drawn = resize_ink(ink, spec.em / estimate_font_size(ink).em, spec)
    return PreprocessedImage(drawn.pixels, drawn.factor / halved)


def _halve_large(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int]:
    """The image, halved until it has at most `_MAX_PIXELS`, and the divisor of its sides."""
    divisor = 1
    while pixels.shape[0] * pixels.shape[1] > _MAX_PIXELS * divisor**2:
        divisor *= 2
    return (pixels if divisor == 1 else np.asarray(Image.fromarray(pixels).reduce(divisor))), divisor


def deskew(ink: Ink) -> Ink:
    """Rotate cropped ink (h, w) so that its lines are level, and crop it again; unchanged where they are."""
    degrees = skew_degrees(ink)
    if not degrees:
        return ink
    turned = Image.fromarray(ink).rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=0)
    return trim(np.asarray(turned).clip(0, 1))


def skew_degrees(ink: Ink) -> float:
    """Degrees by which the lines of cropped ink (h, w) fall to the right; 0 where that is uncertain."""
    unit = stroke_width(ink)
    if ink.shape[1] < MIN_WIDTH * unit:
        return 0.0
    # With narrow strokes, rows of whole pixels would favor the upright position.
    factor = min(_DESKEW_STROKE_PX / unit, (_DESKEW_PIXELS / ink.size) ** 0.5)
    size = max(1, round(factor * ink.shape[1])), max(1, round(factor * ink.shape[0]))
    rows, columns = np.nonzero(np.asarray(Image.fromarray(ink).resize(size, Image.Resampling.BILINEAR)) > _DESKEW_INK)
    if not len(rows):
        return 0.0
    # From one angle to the next, the ends of the formula move by one pixel relative to its middle.
    step = max(_MIN_STEP_DEGREES, float(np.degrees(2 / size[0])))
    steps = int(MAX_DEGREES / step)
    angles = step * np.arange(-steps, steps + 1)
    changes = np.array([_changes(rows, columns, angle) for angle in angles])
    best = int(changes.argmax())
    # At the end of the range the best angle may be beyond it.
    certain = 0 < best < 2 * steps and changes[best] > MIN_GAIN * changes[steps]
    return float(angles[best]) if certain else 0.0


def _changes(rows: NDArray[np.int64], columns: NDArray[np.int64], degrees: float) -> float:
    """The sum of squared changes of ink from row to row, for rows that fall to the right by `degrees`."""
    levels = rows - columns * np.tan(np.radians(degrees))
    counts = np.bincount((levels - levels.min()).round().astype(np.int64))
    return float((np.diff(counts.astype(np.float64)) ** 2).sum())


def resize_ink(ink: Ink, factor: float, spec: InputImageSpec) -> PreprocessedImage:
    """Draw cropped ink (h, w) `factor` times as large on white paper; raises `ImageError`: too_large."""
    if UNCHANGED_FACTORS[0] < factor < UNCHANGED_FACTORS[1]:
        factor = 1.0
    height, width = ink.shape
    most = min((spec.height - 2 * spec.padding) / height, (spec.width - 2 * spec.padding) / width)
    if factor > MAX_SHRINK * most:
        raise ImageError(
            "too_large",
            f"at the size of type that the model reads the formula has {round(factor * width)} x "
            f"{round(factor * height)} pixels, and the model reads {spec.width} x {spec.height}; "
            "give the formula in parts",
        )
    factor = min(factor, most)
    if factor != 1:
        size = max(1, round(factor * width)), max(1, round(factor * height))
        # Both filters weight every pixel of the original by how much of the new one it covers, so no stroke is lost.
        resample = Image.Resampling.HAMMING if factor < 1 else Image.Resampling.BILINEAR
        ink = np.asarray(Image.fromarray(ink).resize(size, resample))
    drawn = np.rint(PAPER * (1 - ink)).clip(0, PAPER).astype(np.uint8)
    return PreprocessedImage(pad(drawn, spec.padding), factor)
