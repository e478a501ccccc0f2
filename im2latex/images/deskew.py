"""Deskewing: rotation of a formula so that its lines are horizontal.

Fraction bars, baselines and the tops of letters are horizontal, so that the amount of ink changes much from row to row
in an upright formula, and little in a rotated one: the sum of the squares of these changes is largest at the angle of
the lines (Postl, "Detection of linear oblique structures and skew scan in digitized documents", 1986).
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from im2latex.images.crop import stroke_width, trim
from im2latex.images.foreground import Ink

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
