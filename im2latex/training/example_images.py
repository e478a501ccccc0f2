"""Pictures of validation examples for loggers: the image, colored by the token that attends to each place."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.engines.base import Engine
from im2latex.images.arrays import PAPER
from im2latex.types import AxisGeometry

MAX_TOKENS = 60
"""Tokens that are shown; a longer prediction is mostly one that never ends."""
_COLORS = np.array([[230, 25, 75], [60, 180, 75], [0, 130, 200], [245, 130, 48], [145, 30, 180], [0, 150, 150]])


@dataclass(frozen=True, slots=True)
class ExampleImage:
    """An example of a validation: picture, uint8 (H, W, 3), with attention in color, and both formulas."""

    formula_id: str
    picture: NDArray[np.uint8]
    reference: str
    hypothesis: str


def color_by_attention(engine: Engine, image: NDArray[np.uint8], tokens: Sequence[int]) -> NDArray[np.uint8]:
    """The image (H, W) in color, (H, W, 3): each place has the colors of the tokens that attend to it.

    Neighbouring tokens have different colors; the more a token attends to a place, the stronger its color.
    """
    grey = np.repeat(image[:, :, None], 3, axis=2).astype(np.float32)
    if not tokens:
        return grey.astype(np.uint8)
    inputs = np.array([[Vocabulary.bos, *tokens[: MAX_TOKENS - 1]]])
    weights = engine.attention(engine.encode(image[None]), inputs)[0]
    grid = engine.geometry(*image.shape)
    rows, columns = _cells(grid.vertical, grid.rows, len(image)), _cells(grid.horizontal, grid.columns, len(image.T))
    maps = weights.reshape(len(weights), grid.columns, grid.rows)[:, columns][:, :, rows]  # (T, W, H)
    maps = maps / np.maximum(maps.max(axis=(1, 2), keepdims=True), 1e-9)
    colors = _COLORS[np.arange(len(maps)) % len(_COLORS)]
    strength = maps.max(axis=0).T[:, :, None]
    mixed = np.einsum("twh,tc->hwc", maps, colors) / np.maximum(maps.sum(axis=0).T[:, :, None], 1e-9)
    tint = PAPER - 0.6 * strength * (PAPER - mixed)
    return np.asarray(np.minimum(grey, tint).round(), np.uint8)


def _cells(axis: AxisGeometry, count: int, length: int) -> NDArray[np.int64]:
    """The grid cell of each of `length` pixels along an axis."""
    places = (np.arange(length) - axis.offset) / max(axis.stride, 1)
    return np.asarray(places.round().clip(0, count - 1), np.int64)
