"""Cropping: removal of specks, scan borders and a frame, then the bounding box of the formula.

Lengths are in stroke widths, about seventeen to an em. A dot of i, a comma or a prime is near other ink; a speck is
isolated. The dark edge of a scan extends along a side of the image, from end to end, with paper between it and
everything else; the dark corners of a rotated scan are wedges along the sides.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from im2latex.images.foreground import BoundingBox, Boxes, Ink
from im2latex.images.morphology import box_mean, connected_components, dilate

_Value = TypeVar("_Value", np.float32, np.int64)

INK = 0.3
"""Pixels with more than this share of full ink locate a formula; less may be camera noise."""


MAX_DISTANCE = 40.0
"""A dot without other ink within this distance is a speck."""


MAX_SPECK_DISTANCE = 8.0
"""The same distance for ink that is smaller than any dot."""


EDGE_DISTANCE = 16.0
"""Paper between the edge of a scan and a formula."""


_DOT_AREA = 3.0


_SPECK_AREA = 0.8


_FRAME_SHARE = 0.97
"""Least share of each side of a frame that is ink; a scan has gaps."""

_EDGE_SHARE = 0.15


_EDGE_INK = 0.7


_PAPER_INK = 0.05


def crop_ink(ink: Ink) -> Ink | None:
    """The formula's ink (h, w) with the soft edges of its strokes, or None where there is none."""
    located = locate_ink(ink)
    if located is None:
        return None
    cleaned, (top, bottom, left, right) = located
    return cleaned[top:bottom, left:right]


def locate_ink(ink: Ink) -> tuple[Ink, BoundingBox] | None:
    """The ink without specks, edges and frame, and the box of the rest; None where there is none."""
    ink = _remove_edges(_remove_corners(ink))
    unit = stroke_width(ink)
    found = connected_components(ink > INK)
    parts, boxes = found.labels, found.boxes
    if not len(boxes):
        return None
    kept = _formula(boxes, found.areas / unit**2, unit)
    kept &= ~_frames(parts, boxes, kept, unit)
    if not kept.all():
        # The soft edges of the specks are removed too.
        removed = dilate(np.concatenate([[False], ~kept])[parts], 1 + round(unit / 2))
        ink = np.where(removed & ~np.concatenate([[False], kept])[parts], np.float32(0), ink)
    top, bottom, left, right = _bounding_box(boxes[kept])
    soft = max(1, round(unit / 3))
    top, left = max(0, top - soft), max(0, left - soft)
    above, below, before, after = ink_box(ink[top : bottom + soft, left : right + soft])
    return ink, (top + above, top + below, left + before, left + after)


def trim(ink: Ink) -> Ink:
    """Remove empty rows and columns at the sides."""
    top, bottom, left, right = ink_box(ink)
    return ink[top:bottom, left:right]


def ink_box(ink: Ink, threshold: float = _PAPER_INK) -> BoundingBox:
    """The bounding box (top, bottom, left, right) of all pixels with more than `threshold` of full ink."""
    rows, columns = (np.flatnonzero((ink > threshold).any(axis=axis)) for axis in (1, 0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def stroke_width(ink: Ink) -> float:
    """Ink over half the length of its edges, in pixels; that length is the sum of the steps between pixels."""
    padded = np.pad(np.where(ink < 0.15, 0, ink), 1)
    down, right = np.diff(padded, axis=0)[:, :-1], np.diff(padded, axis=1)[:-1]
    edges = float(np.hypot(down, right).sum())
    return max(0.5, 2 * float(padded.sum()) / max(edges, 1e-6))


def _remove_edges(ink: Ink) -> Ink:
    """Replace by paper what is dark near a side, from end to end, with paper beside it."""
    widths = [_edge(view) for view in _sides(ink)]
    is_frame = all(width and view[0].mean() < _EDGE_INK for view, width in zip(_sides(ink), widths, strict=True))
    if not any(widths) or is_frame:
        return ink
    above, below, left, right = widths
    # An edge is not a stroke, and must not influence the stroke width.
    unit = stroke_width(ink[above : ink.shape[0] - below, left : ink.shape[1] - right])
    ink = ink.copy()
    away, soft = max(2, round(EDGE_DISTANCE * unit)), max(1, round(unit / 2))
    for view, width in zip(_sides(ink), widths, strict=True):
        beside = view[width + soft : width + soft + away].mean(axis=1)
        if width and len(beside) == away and beside.max() < _PAPER_INK:
            view[: width + soft] = 0
    return ink


def _remove_corners(ink: Ink) -> Ink:
    """Replace by paper the dark wedges along the sides of a rotated scan, if there is paper beside all of them.

    They are the parts that touch a side, where a corner of the image is dark. None reaches far into the image.
    """
    if not (ink[:: max(1, len(ink) - 1), :: max(1, ink.shape[1] - 1)] > _EDGE_INK).any():
        return ink
    labels = connected_components(ink > INK).labels
    wedges = (labels > 0) & np.isin(labels, np.concatenate([view[0] for view in _sides(labels)]))
    above, before = (1 + int(_EDGE_SHARE * length) for length in ink.shape)
    if wedges[above:-above, before:-before].any() or np.array_equal(wedges, labels > 0):
        return ink
    unit = stroke_width(np.where(wedges, np.float32(0), ink))
    beside = box_mean(wedges, 1 + 2 * max(2, round(EDGE_DISTANCE * unit))) > 0
    if (beside & (labels > 0) & ~wedges).any():
        return ink
    return np.where(dilate(wedges, max(1, round(unit / 2))), np.float32(0), ink)


def _sides(ink: NDArray[_Value]) -> tuple[NDArray[_Value], ...]:
    """Views whose first rows are the top, the bottom, the left and the right side."""
    return ink, ink[::-1], ink.T, ink.T[::-1]


def _edge(view: Ink) -> int:
    """Number of rows up to the first ones that are dark from end to end; 0 where they are too many for an edge."""
    dark = view[: 2 + int(_EDGE_SHARE * len(view))].mean(axis=1) > _EDGE_INK
    start = int(np.argmax(dark))
    return 0 if dark[start:].all() or not dark.any() else start + int(np.argmin(dark[start:]))


def _formula(boxes: Boxes, areas: NDArray[np.float64], unit: float) -> NDArray[np.bool_]:
    """Which parts are not specks: the large ones, and the small ones near those; at least the largest."""
    kept = areas >= min(_DOT_AREA, float(areas.max()))
    whole = _bounding_box(boxes[kept])
    # From the largest on, each part that is near enough extends the box for the smaller ones.
    for part in np.argsort(-areas):
        reach = (MAX_SPECK_DISTANCE if areas[part] < _SPECK_AREA else MAX_DISTANCE) * unit
        if not kept[part] and _distance(boxes[part], whole) <= reach:
            kept[part] = True
            whole = _bounding_box(np.array([whole, boxes[part]]))
    return kept


def _frames(parts: NDArray[np.int64], boxes: Boxes, kept: NDArray[np.bool_], unit: float) -> NDArray[np.bool_]:
    r"""Which part is a frame around all others, as of `\boxed`, and holds no lines as a table does; at most one."""
    frames = np.zeros_like(kept)
    sizes = (boxes[:, 1] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 2])
    part = int(np.argmax(np.where(kept, sizes, 0)))
    top, bottom, left, right = boxes[part]
    inner = boxes[kept & (np.arange(len(boxes)) != part)]
    if not len(inner):
        return frames
    above, below, before, after = _bounding_box(inner)
    width = max(2, round(2 * unit))
    own = parts[top:bottom, left:right] == part + 1
    is_closed = all(view[:width].any(axis=0).mean() > _FRAME_SHARE for view in (own, own[::-1], own.T, own.T[::-1]))
    is_around = top < above and below < bottom and left < before and after < right
    frames[part] = is_around and is_closed and not own[width:-width, width:-width].any()
    return frames


def _bounding_box(boxes: Boxes) -> BoundingBox:
    top, _, left, _ = boxes.min(axis=0)
    _, bottom, _, right = boxes.max(axis=0)
    return int(top), int(bottom), int(left), int(right)


def _distance(box: NDArray[np.int64], whole: BoundingBox) -> int:
    """The distance of a box from the bounding box, along the axis on which it is larger."""
    top, bottom, left, right = box
    return int(max(whole[0] - bottom, top - whole[1], whole[2] - right, left - whole[3], 0))
