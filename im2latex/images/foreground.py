"""Ink told from its background: light or dark, coloured or transparent, evenly lit or not, with noise or without.

The ink of a pixel is the share of light that it takes away from the paper around it, along the one direction of
colour in which ink and paper differ; an image on a dark background is inverted first. Pale ink is made dark, and what
may be noise of the paper is none.
"""

import numpy as np
from numpy.typing import NDArray

from im2latex.images.arrays import flatten_alpha

Ink = NDArray[np.float32]
"""(H, W), 0 paper and 1 full ink."""

FAINTEST = 24
"""Ink differs from paper by this many of 255 levels at least; less is taken for the texture of blank paper."""
UNEVEN = 6
"""Paper whose light varies by more than so many levels is levelled; below, nothing is changed for nothing."""
DARK = 0.9
"""Ink that takes away so much of the light is left as it is: thin strokes of black ink are seldom darker."""
IN_FULL = 0.97
"""Where many pixels are as dark as the darkest, strokes are wide enough to show how dark the ink is."""
_SAMPLES = 6_000
_ROUNDS = 8


def estimate_ink(pixels: NDArray[np.uint8]) -> Ink:
    """The ink of an image (H, W), (H, W, 3) or (H, W, 4); all zero where there is none."""
    colours = flatten_alpha(pixels)
    paper = np.median(_sample(colours), axis=0)
    distance = np.abs(colours - paper).max(axis=2)
    strong = distance > max(FAINTEST, float(distance.max()) / 2)
    if not strong.any():
        return np.zeros(distance.shape, np.float32)
    if _is_lighter(colours):
        colours, paper = 255 - colours, 255 - paper
    light = np.maximum(_light(colours, paper), 1)
    taken = 1 - colours / light
    direction = taken[strong].mean(axis=0).clip(min=0)
    share = (taken @ (direction / max(float(direction.sum()), 1e-6))).astype(np.float32)
    return _levelled(share, FAINTEST / float(light.max()))


def _levelled(share: Ink, faintest: float) -> Ink:
    """Noise of the paper to 0, and full ink to 1, where it is not so dark anyway."""
    strong = share > max(faintest, float(share.max()) / 2)
    if not strong.any():
        return np.zeros_like(share)
    rest = _sample(share[~strong])
    noise = 1.4826 * float(np.median(np.abs(rest))) if len(rest) else 0.0
    top = float(np.quantile(share[strong], 0.95))
    full = min(1.0, top if top > IN_FULL * float(share.max()) else top / DARK)
    floor = min(3 * noise, full / 2)
    return ((share - floor) / max(full - floor, 1e-6)).clip(0, 1).astype(np.float32)


def _is_lighter(colours: NDArray[np.float32]) -> bool:
    """Whether the ink is lighter than the paper: beside a smooth surface, the few stand out far on their side."""
    terms, values = _laid_out(colours)
    brightness = values.mean(axis=1)
    beside = brightness - terms @ _solved(terms, np.ones(len(terms), np.float32), brightness)
    return bool((beside**3).mean() > 0)


def _light(colours: NDArray[np.float32], paper: NDArray[np.float32]) -> NDArray[np.float32]:
    """How light the paper is at each pixel and in each colour: (1, 1, C) where it is even, else (H, W, C).

    A surface of the second degree, drawn through the lighter pixels: those far below it are ink, and hardly count.
    """
    terms, values = _laid_out(colours)
    brightness = values.mean(axis=1)
    surface = np.full(len(values), np.quantile(brightness, 0.8))
    weights = np.ones(len(values), np.float32)
    for _ in range(_ROUNDS):
        below = surface - brightness
        reach = max(UNEVEN, 2 * float(np.median(np.abs(below))))
        weights = np.where(below > reach, np.float32(0.001), np.float32(1))
        surface = terms @ _solved(terms, weights, brightness)
    if np.ptp(surface) < UNEVEN:
        return paper[None, None]
    whole = _terms(*np.meshgrid(_axis(colours.shape[0]), _axis(colours.shape[1]), indexing="ij"))
    return (whole @ _solved(terms, weights, values)).clip(1, 255).astype(np.float32)


def _laid_out(colours: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Some pixels at even distances: the terms (N, 6) at their places, and their colours (N, C)."""
    height, width, _ = colours.shape
    step = max(1, round((height * width / _SAMPLES) ** 0.5))
    rows, columns = np.meshgrid(_axis(height)[::step], _axis(width)[::step], indexing="ij")
    return _terms(rows, columns).reshape(-1, 6), colours[::step, ::step].reshape(-1, colours.shape[2])


def _solved(
    terms: NDArray[np.float32], weights: NDArray[np.float32], values: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Least squares; the small last term is for images with fewer pixels than a surface needs."""
    weighted = weights[:, None] * terms
    solved: NDArray[np.float32] = np.linalg.solve(
        weighted.T @ terms + 1e-3 * np.eye(terms.shape[1], dtype=np.float32), weighted.T @ values
    )
    return solved


def _terms(rows: NDArray[np.float32], columns: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a surface of the second degree is a sum of, (..., 6)."""
    return np.stack([np.ones_like(rows), rows, columns, rows * rows, rows * columns, columns * columns], axis=-1)


def _axis(count: int) -> NDArray[np.float32]:
    return np.linspace(-1, 1, count, dtype=np.float32)


def _sample(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """About so many of the pixels, at even distances: an order among all takes long."""
    flat = values.reshape(-1, values.shape[-1]) if values.ndim == 3 else values.reshape(-1)
    return flat[:: max(1, len(flat) // (4 * _SAMPLES))]
