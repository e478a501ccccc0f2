"""Foreground: the ink of each pixel, on backgrounds of any brightness, color and transparency, cropped to the formula.

The ink of a pixel is the share of light that it absorbs relative to the paper around it, along the direction of color
in which ink and paper differ; an image on a dark background is inverted first. Pale ink is made dark, and noise of the
paper is removed.

Specks and the dark edges of a scan are removed before the crop. Their lengths are in stroke widths, about seventeen to
an em. A dot of i, a comma or a prime is near other ink; a speck is isolated. The dark edge of a scan extends along a
side of the image, from end to end, with paper between it and everything else.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from im2latex.images.arrays import flatten_alpha

Ink = NDArray[np.float32]
"""(H, W), 0 paper and 1 full ink."""
BoundingBox = tuple[int, int, int, int]
"""Top, bottom, left, right; ends excluded."""
Boxes = NDArray[np.int64]
"""(N, 4), as above."""

MIN_CONTRAST = 24
"""Ink differs from paper by at least this many of 255 levels; less is the texture of blank paper."""
MAX_EVEN_VARIATION = 6
"""The brightness of paper is equalized where it varies by more than so many levels."""
DARK_INK = 0.9
"""Ink that absorbs this share of the light is not darkened: thin strokes of black ink are seldom darker."""
SATURATED = 0.97
"""Where many pixels reach this share of the darkest, strokes are wide enough to show how dark the ink is."""
_SAMPLES = 6_000
_ITERATIONS = 8

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
_EDGE_SHARE = 0.15
_EDGE_INK = 0.7
_PAPER_INK = 0.05


def estimate_ink(pixels: NDArray[np.uint8]) -> Ink:
    """Estimate the ink of an image (H, W), (H, W, 3) or (H, W, 4); all zero where there is none."""
    colors = flatten_alpha(pixels)
    paper = np.median(_sample(colors), axis=0)
    distance = np.abs(colors - paper).max(axis=2)
    strong = distance > max(MIN_CONTRAST, float(distance.max()) / 2)
    if not strong.any():
        return np.zeros(distance.shape, np.float32)
    if _is_lighter(colors):
        colors, paper = 255 - colors, 255 - paper
    light = np.maximum(_paper_brightness(colors, paper), 1)
    absorbed = 1 - colors / light
    direction = absorbed[strong].mean(axis=0).clip(min=0)
    share = (absorbed @ (direction / max(float(direction.sum()), 1e-6))).astype(np.float32)
    return _normalize(share, MIN_CONTRAST / float(light.max()))


def _normalize(share: Ink, min_share: float) -> Ink:
    """Map noise of the paper to 0, and full ink to 1 where it is not as dark already."""
    strong = share > max(min_share, float(share.max()) / 2)
    if not strong.any():
        return np.zeros_like(share)
    rest = _sample(share[~strong])
    noise = 1.4826 * float(np.median(np.abs(rest))) if len(rest) else 0.0
    top = float(np.quantile(share[strong], 0.95))
    full = min(1.0, top if top > SATURATED * float(share.max()) else top / DARK_INK)
    black_level = min(3 * noise, full / 2)
    return ((share - black_level) / max(full - black_level, 1e-6)).clip(0, 1).astype(np.float32)


def _is_lighter(colors: NDArray[np.float32]) -> bool:
    """Whether the ink is lighter than the paper: the sign of the skewness of the brightness around a smooth surface."""
    terms, values = _sample_grid(colors)
    brightness = values.mean(axis=1)
    residual = brightness - terms @ _least_squares(terms, np.ones(len(terms), np.float32), brightness)
    return bool((residual**3).mean() > 0)


def _paper_brightness(colors: NDArray[np.float32], paper: NDArray[np.float32]) -> NDArray[np.float32]:
    """Brightness of the paper at each pixel and color: (1, 1, C) where it is even, else (H, W, C).

    A surface of the second degree, fitted to the lighter pixels: those far below it are ink and have little weight.
    """
    terms, values = _sample_grid(colors)
    brightness = values.mean(axis=1)
    surface = np.full(len(values), np.quantile(brightness, 0.8))
    weights = np.ones(len(values), np.float32)
    for _ in range(_ITERATIONS):
        below = surface - brightness
        reach = max(MAX_EVEN_VARIATION, 2 * float(np.median(np.abs(below))))
        weights = np.where(below > reach, np.float32(0.001), np.float32(1))
        surface = terms @ _least_squares(terms, weights, brightness)
    if np.ptp(surface) < MAX_EVEN_VARIATION:
        return paper[None, None]
    whole = _terms(*np.meshgrid(_axis(colors.shape[0]), _axis(colors.shape[1]), indexing="ij"))
    return (whole @ _least_squares(terms, weights, values)).clip(1, 255).astype(np.float32)


def _sample_grid(colors: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A regular grid of pixels: the polynomial terms (N, 6) at their positions, and their colors (N, C)."""
    height, width, _ = colors.shape
    step = max(1, round((height * width / _SAMPLES) ** 0.5))
    rows, columns = np.meshgrid(_axis(height)[::step], _axis(width)[::step], indexing="ij")
    return _terms(rows, columns).reshape(-1, 6), colors[::step, ::step].reshape(-1, colors.shape[2])


def _least_squares(
    terms: NDArray[np.float32], weights: NDArray[np.float32], values: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Weighted least squares; the small ridge term is for images with fewer pixels than coefficients."""
    weighted = weights[:, None] * terms
    solved: NDArray[np.float32] = np.linalg.solve(
        weighted.T @ terms + 1e-3 * np.eye(terms.shape[1], dtype=np.float32), weighted.T @ values
    )
    return solved


def _terms(rows: NDArray[np.float32], columns: NDArray[np.float32]) -> NDArray[np.float32]:
    """The terms of a polynomial of the second degree, (..., 6)."""
    return np.stack([np.ones_like(rows), rows, columns, rows * rows, rows * columns, columns * columns], axis=-1)


def _axis(count: int) -> NDArray[np.float32]:
    return np.linspace(-1, 1, count, dtype=np.float32)


def _sample(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """A regular sample of the pixels, since quantiles of all take long."""
    flat = values.reshape(-1, values.shape[-1]) if values.ndim == 3 else values.reshape(-1)
    return flat[:: max(1, len(flat) // (4 * _SAMPLES))]


def crop_ink(ink: Ink) -> Ink | None:
    """The formula's ink (h, w) with the soft edges of its strokes, or None where there is none."""
    ink = _remove_edges(ink)
    unit = stroke_width(ink)
    parts, count = ndimage.label(ink > INK, np.ones((3, 3), np.uint8))
    if not count:
        return None
    found = ndimage.find_objects(parts)
    boxes = np.array([(box[0].start, box[0].stop, box[1].start, box[1].stop) for box in found])
    kept = _formula(boxes, np.bincount(parts.ravel(), minlength=count + 1)[1:] / unit**2, unit)
    if not kept.all():
        # The soft edges of the specks are removed too.
        removed = ndimage.binary_dilation(np.concatenate([[False], ~kept])[parts], iterations=1 + round(unit / 2))
        ink = np.where(removed & ~np.concatenate([[False], kept])[parts], np.float32(0), ink)
    top, bottom, left, right = _bounding_box(boxes[kept])
    soft = max(1, round(unit / 3))
    return trim(ink[max(0, top - soft) : bottom + soft, max(0, left - soft) : right + soft])


def trim(ink: Ink) -> Ink:
    """Remove empty rows and columns at the sides."""
    rows, columns = (np.flatnonzero((ink > _PAPER_INK).any(axis=axis)) for axis in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def stroke_width(ink: Ink) -> float:
    """Ink over half the length of its edges, in pixels; that length is the sum of the steps between pixels."""
    padded = np.pad(np.where(ink < 0.15, 0, ink), 1)
    down, right = np.diff(padded, axis=0)[:, :-1], np.diff(padded, axis=1)[:-1]
    edges = float(np.hypot(down, right).sum())
    return max(0.5, 2 * float(padded.sum()) / max(edges, 1e-6))


def _remove_edges(ink: Ink) -> Ink:
    """Replace by paper what is dark along a side, from end to end, with paper beside it."""
    widths = [_edge(view) for view in _sides(ink)]
    if not any(widths):
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


def _sides(ink: Ink) -> tuple[Ink, Ink, Ink, Ink]:
    """Views whose first rows are the top, the bottom, the left and the right side."""
    return ink, ink[::-1], ink.T, ink.T[::-1]


def _edge(view: Ink) -> int:
    """How many of the first rows are dark from end to end; 0 where they are too many for an edge."""
    dark = view[: 2 + int(_EDGE_SHARE * len(view))].mean(axis=1) > _EDGE_INK
    return 0 if dark.all() else int(np.argmin(dark))


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


def _bounding_box(boxes: Boxes) -> BoundingBox:
    top, _, left, _ = boxes.min(axis=0)
    _, bottom, _, right = boxes.max(axis=0)
    return int(top), int(bottom), int(left), int(right)


def _distance(box: NDArray[np.int64], whole: BoundingBox) -> int:
    """The distance of a box from the bounding box, along the axis on which it is larger."""
    top, bottom, left, right = box
    return int(max(whole[0] - bottom, top - whole[1], whole[2] - right, left - whole[3], 0))
