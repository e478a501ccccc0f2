"""What of the ink on an image is the formula: specks and the edges of a scan are taken off, the rest is cropped.

Lengths are in units of the stroke's width, of which there are about seventeen in an em. A dot of i, a comma or a
prime lies near other ink; a speck lies alone. The dark edge of a scan lies along a side of the image, from end to
end, with paper between it and everything else.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from im2latex.images.font_size import stroke_width
from im2latex.images.foreground import Ink

INK = 0.3
"""Pixels with more than this share of full ink tell where a formula is; less may be the noise of a camera."""
FAR = 40.0
"""A dot that has nothing within this distance is a speck."""
NEAR = 8.0
"""The same distance for ink that is smaller than any dot."""
EDGE_AWAY = 16.0
"""Between the edge of a scan and a formula there is so much paper."""
_DOT_AREA = 3.0
_SPECK_AREA = 0.8
_EDGE_SHARE = 0.15
_EDGE_INK = 0.7
_PAPER_INK = 0.05

Box = tuple[int, int, int, int]
"""Top, bottom, left, right; ends excluded."""
Boxes = NDArray[np.int64]
"""(N, 4), as above."""


def crop_ink(ink: Ink) -> Ink | None:
    """The formula's ink (h, w) with the soft edges of its strokes, or None where there is none."""
    ink = _without_edges(ink)
    unit = stroke_width(ink)
    parts, count = ndimage.label(ink > INK, np.ones((3, 3), np.uint8))
    if not count:
        return None
    found = ndimage.find_objects(parts)
    boxes = np.array([(box[0].start, box[0].stop, box[1].start, box[1].stop) for box in found])
    kept = _formula(boxes, np.bincount(parts.ravel(), minlength=count + 1)[1:] / unit**2, unit)
    if not kept.all():
        # What goes takes its soft edge with it.
        gone = ndimage.binary_dilation(np.concatenate([[False], ~kept])[parts], iterations=1 + round(unit / 2))
        ink = np.where(gone & ~np.concatenate([[False], kept])[parts], np.float32(0), ink)
    top, bottom, left, right = _around(boxes[kept])
    soft = max(1, round(unit / 3))
    return tight(ink[max(0, top - soft) : bottom + soft, max(0, left - soft) : right + soft])


def tight(ink: Ink) -> Ink:
    """Without the rows and columns at the sides in which there is nothing at all."""
    rows, columns = (np.flatnonzero((ink > _PAPER_INK).any(axis=axis)) for axis in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _without_edges(ink: Ink) -> Ink:
    """Paper in place of what is dark along a side, from end to end, with paper beside it."""
    widths = [_edge(view) for view in _sides(ink)]
    if not any(widths):
        return ink
    above, below, left, right = widths
    # An edge is no stroke, and must not count when their width is measured.
    unit = stroke_width(ink[above : ink.shape[0] - below, left : ink.shape[1] - right])
    ink = ink.copy()
    away, soft = max(2, round(EDGE_AWAY * unit)), max(1, round(unit / 2))
    for view, width in zip(_sides(ink), widths, strict=True):
        beside = view[width + soft : width + soft + away].mean(axis=1)
        if width and len(beside) == away and beside.max() < _PAPER_INK:
            view[: width + soft] = 0
    return ink


def _sides(ink: Ink) -> tuple[Ink, Ink, Ink, Ink]:
    """Views whose first rows lie along the top, the bottom, the left and the right."""
    return ink, ink[::-1], ink.T, ink.T[::-1]


def _edge(view: Ink) -> int:
    """How many of the first rows are dark from end to end; 0 where they are too many for an edge."""
    dark = view[: 2 + int(_EDGE_SHARE * len(view))].mean(axis=1) > _EDGE_INK
    return 0 if dark.all() else int(np.argmin(dark))


def _formula(boxes: Boxes, areas: NDArray[np.float64], unit: float) -> NDArray[np.bool_]:
    """Which parts are no specks: the large ones, and the small ones that are near to those; at least the largest."""
    kept = areas >= min(_DOT_AREA, float(areas.max()))
    whole = _around(boxes[kept])
    # From the largest on, each part that is near enough widens the whole for the smaller ones.
    for place in np.argsort(-areas):
        reach = (NEAR if areas[place] < _SPECK_AREA else FAR) * unit
        if not kept[place] and _apart(boxes[place], whole) <= reach:
            kept[place] = True
            whole = _around(np.array([whole, boxes[place]]))
    return kept


def _around(boxes: Boxes) -> Box:
    top, _, left, _ = boxes.min(axis=0)
    _, bottom, _, right = boxes.max(axis=0)
    return int(top), int(bottom), int(left), int(right)


def _apart(box: NDArray[np.int64], whole: Box) -> int:
    """How far a box lies from the whole, along the side on which it is farther."""
    top, bottom, left, right = box
    return int(max(whole[0] - bottom, top - whole[1], whole[2] - right, left - whole[3], 0))
