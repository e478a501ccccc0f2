"""Connected components, dilation and box filter of masks (H, W), with NumPy alone.

SciPy's `ndimage` has them too, and gives the same; the base installation, which reads images, does without SciPy.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Components:
    """Components of a mask, in the order of their first pixel; neighbors along a diagonal are connected.

    `labels` (H, W) are 0 for the background and one more than the number of the component elsewhere. `boxes` (N, 4)
    hold top, bottom, left, right, ends excluded; `areas` (N,) the pixels.
    """

    labels: NDArray[np.int64]
    boxes: NDArray[np.int64]
    areas: NDArray[np.int64]


def connected_components(mask: Mask) -> Components:
    """Find the components from the runs of each row: those of neighboring rows that touch belong together."""
    height, width = mask.shape
    stride = width + 2  # each row between two empty columns, so that no run goes on in the next row
    padded = np.zeros((height, stride), np.int8)
    padded[:, 1:-1] = mask
    steps = np.diff(padded.ravel())
    starts, ends = np.flatnonzero(steps == 1) + 1, np.flatnonzero(steps == -1) + 1
    # A run below touches where it starts at most at the end of this one, and ends at least at its start.
    first = np.searchsorted(ends, starts + stride, "left")
    counts = (np.searchsorted(starts, ends + stride, "right") - first).clip(min=0)
    above = np.arange(len(starts)).repeat(counts)
    below = np.arange(len(above)) - (counts.cumsum() - counts - first)[above] if len(above) else above
    numbers, root_of = np.unique(_roots(len(starts), above, below), return_inverse=True)
    labels = np.zeros(height * stride + 1, np.int64)
    labels[starts], labels[ends] = root_of + 1, -(root_of + 1)
    rows, left, right = starts // stride, starts % stride - 1, (ends - 1) % stride
    boxes = np.empty((len(numbers), 4), np.int64)
    boxes[:, 0], boxes[:, 1], boxes[:, 2], boxes[:, 3] = height, 0, width, 0
    np.minimum.at(boxes[:, 0], root_of, rows)
    np.maximum.at(boxes[:, 1], root_of, rows + 1)
    np.minimum.at(boxes[:, 2], root_of, left)
    np.maximum.at(boxes[:, 3], root_of, right)
    areas = np.zeros(len(numbers), np.int64)
    np.add.at(areas, root_of, ends - starts)
    return Components(labels.cumsum()[:-1].reshape(height, stride)[:, 1:-1], boxes, areas)


def _roots(count: int, above: NDArray[np.int64], below: NDArray[np.int64]) -> NDArray[np.int64]:
    """The least run (count,) that each run is connected with, by pairs of connected runs."""
    root = np.arange(count)
    while True:
        one, other = root[above], root[below]
        different = one != other
        if not different.any():
            return root
        least = np.minimum(one, other)
        np.minimum.at(root, one, least)
        np.minimum.at(root, other, least)
        while not np.array_equal(root, shorter := root[root]):
            root = shorter


def dilate(mask: Mask, iterations: int) -> Mask:
    """Add the four neighbors of each pixel of the mask, so many times."""
    for _ in range(iterations):
        grown = mask.copy()
        grown[1:] |= mask[:-1]
        grown[:-1] |= mask[1:]
        grown[:, 1:] |= mask[:, :-1]
        grown[:, :-1] |= mask[:, 1:]
        mask = grown
    return mask


def box_mean(mask: Mask, size: int) -> NDArray[np.float64]:
    """Share (H, W) of the mask in the square of that size around each pixel; the mask is mirrored at its sides."""
    before = size // 2
    sums = np.pad(mask.astype(np.int64), (before, size - 1 - before), "symmetric")
    for axis in (0, 1):
        sums = np.insert(sums.cumsum(axis=axis), 0, 0, axis=axis)
        ends = np.arange(size, sums.shape[axis])
        sums = sums.take(ends, axis=axis) - sums.take(ends - size, axis=axis)
    return np.asarray(sums / size**2)
