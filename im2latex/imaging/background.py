"""Ink told from its background: light or dark, coloured or transparent, evenly lit or not."""

import numpy as np
from numpy.typing import NDArray

Ink = NDArray[np.float32]
"""(H, W), 0 paper and 1 full ink."""


def ink_of(pixels: NDArray[np.uint8]) -> Ink:
    """The ink of a picture (H, W), (H, W, 2), (H, W, 3) or (H, W, 4)."""
    colours = opaque(pixels)
    paper = np.median(_border(colours), axis=0)
    distance = np.abs(colours - paper).max(axis=2)
    full = np.quantile(distance, 0.999)
    if full < 24:
        return np.zeros(distance.shape, np.float32)
    strong = distance[distance > full / 2]
    ink: Ink = (distance / np.median(strong)).clip(0, 1).astype(np.float32)
    return ink


def opaque(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Colours (H, W, C), transparent parts laid on paper that differs from the ink."""
    if pixels.ndim == 2:
        return pixels[..., None].astype(np.float32)
    if pixels.shape[2] in (1, 3):
        return pixels.astype(np.float32)
    colours, alpha = pixels[..., :-1].astype(np.float32), pixels[..., -1:].astype(np.float32) / 255
    weight = alpha.sum()
    mean = float((colours * alpha).sum() / (weight * colours.shape[2])) if weight else 0.0
    paper = np.float32(255 if mean < 128 else 0)
    return (colours * alpha + paper * (1 - alpha)).astype(np.float32)


def _border(colours: NDArray[np.float32]) -> NDArray[np.float32]:
    """Pixels (N, C) along the four sides."""
    sides = (colours[0], colours[-1], colours[:, 0], colours[:, -1])
    return np.concatenate(sides)
