"""A formula that lies askew set upright: the angle at which rows of its pixels tell lines from gaps best.

Bars of fractions, baselines and the tops of letters lie in rows, so that the amount of ink changes much from row to
row where a formula lies upright, and little where it does not: the sum of the squares of these changes is largest at
the angle of the lines (Postl, "Detection of linear oblique structures and skew scan in digitized documents", 1986).
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from im2latex.images.crop import tight
from im2latex.images.font_size import stroke_width
from im2latex.images.foreground import Ink

MOST_DEGREES = 3.5
"""A larger angle is not looked for: formulas of few symbols have rising lines of their own."""
NARROWEST = 80.0
"""Formulas of fewer strokes' widths than this say too little, and their lines hardly rise when they lie askew."""
CLEARER = 1.5
"""So many times better than upright must the best angle be. No formula that lies upright should be turned."""
_STROKE_PX = 3.0
_MOST_PIXELS = 400_000
_INK = 0.45
_FINEST = 0.05  # degrees


def deskew(ink: Ink) -> Ink:
    """Cropped ink (h, w) turned so that its lines are level, and cropped again; or as it is, where they are."""
    degrees = skew_degrees(ink)
    if not degrees:
        return ink
    turned = Image.fromarray(ink).rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=0)
    return tight(np.asarray(turned).clip(0, 1))


def skew_degrees(ink: Ink) -> float:
    """Degrees by which the lines of cropped ink (h, w) fall to the right; 0 where that is less than sure."""
    unit = stroke_width(ink)
    if ink.shape[1] < NARROWEST * unit:
        return 0.0
    # Of narrow strokes, rows of whole pixels would tell those that lie upright from all others.
    factor = min(_STROKE_PX / unit, (_MOST_PIXELS / ink.size) ** 0.5)
    size = max(1, round(factor * ink.shape[1])), max(1, round(factor * ink.shape[0]))
    rows, columns = np.nonzero(np.asarray(Image.fromarray(ink).resize(size, Image.Resampling.BILINEAR)) > _INK)
    if not len(rows):
        return 0.0
    # From one angle to the next, the ends of the formula move by a pixel against its middle.
    step = max(_FINEST, float(np.degrees(2 / size[0])))
    steps = int(MOST_DEGREES / step)
    angles = step * np.arange(-steps, steps + 1)
    changes = np.array([_changes(rows, columns, angle) for angle in angles])
    best = int(changes.argmax())
    # At the end of the range the best angle may lie beyond it.
    sure = 0 < best < 2 * steps and changes[best] > CLEARER * changes[steps]
    return float(angles[best]) if sure else 0.0


def _changes(rows: NDArray[np.int64], columns: NDArray[np.int64], degrees: float) -> float:
    """How much the ink changes from row to row, along lines that fall to the right by the angle."""
    levels = rows - columns * np.tan(np.radians(degrees))
    counts = np.bincount((levels - levels.min()).round().astype(np.int64))
    return float((np.diff(counts.astype(np.float64)) ** 2).sum())
