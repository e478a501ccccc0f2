"""How large the type of a formula is, from the picture alone."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


def em_size(ink: NDArray[np.float32]) -> float:
    """The size of the type, in pixels, from the heights of connected parts of the ink (h, w)."""
    parts, count = ndimage.label(ink > 0.4, np.ones((3, 3)))
    if not count:
        return 16.6
    heights = np.array([part[0].stop - part[0].start for part in ndimage.find_objects(parts)])
    return max(4.0, float(np.median(heights[heights >= np.max(heights) / 4])) / 0.5)
