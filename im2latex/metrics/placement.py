"""Strict CDM: paired symbols count where they also agree in place and size.

CDM lets a symbol be off by 20 pixels, so it takes `2^2` for `2_2`. Here the pairs of CDM are taken and one shift of the
whole image is sought: a pair counts where the four edges of its boxes then agree within `TOLERANCE_PX`. Both sides
are set by one program at one size of type, so nothing but a shift is to be undone, and a symbol of another size
disagrees in an edge wherever it stands.

A symbol too many or too few moves all that follows. So what is left may agree by further shifts, the most pairs first,
as CDM allows further movements; but each such part counts one pair less than it has, since it stands wrong in the
whole. A symbol alone in the wrong place thus counts nothing. The score of a sample is F1 over these pairs: 1 if and
only if the two images have the same symbols at the same places in the same sizes, up to the tolerance.

The tolerance is half a pixel at 200 dpi, 0.18 pt, about what an image of that resolution can show: above the roundings
in which two ways to one image differ, below a space of 1 mu (1.8 pixels) and below what a symbol loses from 12 to 8
or from 8 to 6 point, the full stop of 6 for 8 point excepted (0.46).
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

Array = NDArray[np.float64]

TOLERANCE_PX = 0.5
"""Most that an edge may be off, in pixels at 200 dpi."""

_PARTS = 5
"""Most parts that are shifted on their own, the first included: as many as CDM allows movements."""


def same_places(first: Array, second: Array, differ: Array) -> bool:
    """Whether the symbols pair one to one with all edges (N, 4) within the tolerance; `differ` is 1 where labels do."""
    if len(first) != len(second):
        return False
    close = (cdist(first, second, "chebyshev") <= TOLERANCE_PX) & (differ == 0)
    if not (close.any(axis=0).all() and close.any(axis=1).all()):
        return False
    rows, columns = linear_sum_assignment(~close)
    return bool(close[rows, columns].all())


def placed_pairs(first: Array, second: Array) -> int:
    """How many pairs of boxes, (N, 4) each, count: those that agree by one shift, less one for each further shift."""
    by = second - first
    shifts = np.tile((by[:, :2] + by[:, 2:]) / 2, 2)
    agree = cdist(shifts, by, "chebyshev") <= TOLERANCE_PX
    left = np.ones(len(by), bool)
    count = 0
    for part in range(_PARTS):
        sizes = (agree & left).sum(axis=1) * left
        best = int(sizes.argmax()) if len(sizes) else 0
        if not left.any() or sizes[best] <= bool(part):
            break
        count += int(sizes[best]) - bool(part)
        left &= ~agree[best]
    return count
