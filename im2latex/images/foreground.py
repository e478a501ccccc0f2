"""Foreground: the ink of each pixel, on backgrounds of any brightness, color and transparency.

The ink of a pixel is the share of light that it absorbs relative to the paper around it, along the direction of color
in which ink and paper differ; an image on a dark background is inverted first. Pale ink is made dark, and noise of the
paper is removed.
"""

import numpy as np
from numpy.typing import NDArray

from im2latex.images.arrays import PAPER, flatten_alpha, median, quantile
from im2latex.images.morphology import box_mean

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
_HIGHLIGHT_SHARE = 0.04
"""Least share of the image that a highlight covers; a quarter of it is away from its edges and the ink."""
_SAMPLES = 6_000
_ITERATIONS = 8


def estimate_ink(pixels: NDArray[np.uint8]) -> Ink:
    """Estimate the ink of an image (H, W), (H, W, 3) or (H, W, 4); all zero where there is none."""
    colors = _without_highlights(flatten_alpha(pixels))
    paper = median(_sample(colors), axis=0)
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


def _without_highlights(colors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Brightness of the brightest color where markers have covered a part of light paper, else `colors` (H, W, C).

    A marker leaves one of the colors as light as the paper; black ink leaves none. A highlight is an area of that kind
    which is wider than strokes.
    """
    brightest, darkest = colors.max(axis=2), colors.min(axis=2)
    light = float(median(brightest))
    highlighted = (brightest > light - MIN_CONTRAST) & (darkest < light - 2 * MIN_CONTRAST)
    has_ink = (brightest < light / 2).any()
    if light < PAPER / 2 or not has_ink or highlighted.mean() < _HIGHLIGHT_SHARE:
        return colors
    size = max(3, colors.shape[0] // 8)
    filled = box_mean(highlighted, size) > 0.99
    return brightest[..., None] if filled.mean() > _HIGHLIGHT_SHARE / 4 else colors


def _normalize(share: Ink, min_share: float) -> Ink:
    """Map noise of the paper to 0, and full ink to 1 where it is not as dark already."""
    strong = share > max(min_share, float(share.max()) / 2)
    if not strong.any():
        return np.zeros_like(share)
    rest = _sample(share[~strong])
    noise = 1.4826 * float(median(np.abs(rest))) if len(rest) else 0.0
    top = float(quantile(share[strong], 0.95))
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
    surface = np.full(len(values), quantile(brightness, 0.8))
    weights = np.ones(len(values), np.float32)
    for _ in range(_ITERATIONS):
        below = surface - brightness
        reach = max(MAX_EVEN_VARIATION, 2 * float(median(np.abs(below))))
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
