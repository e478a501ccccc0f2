"""Attention maps: where in the image the decoder attends for each token of a formula.

One pass over a finished formula, whatever search found it; every decoder family supports it.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.engines.base import Engine, Tokens
from im2latex.engines.config import InferenceConfig
from im2latex.images.arrays import Pixels, encode_png, pad_to_bucket
from im2latex.types import AxisGeometry

Maps = NDArray[np.float32]


def attention_maps(engine: Engine, images: NDArray[np.uint8], tokens: Tokens) -> Maps:
    """Attention maps of images (B, H, W) for the tokens (B, T), given without begin token.

    Returns maps (B, T, rows, columns). Map t holds the share of the attention on each part of the image for token t;
    rows and columns divide H and W evenly, about as finely as the encoder's grid. A map sums to at most 1: attention on
    grid positions outside the image is left out. Formulas of unequal length may be padded at their end with any token.
    """
    begin = np.full_like(tokens[:, :1], Vocabulary.bos)
    weights = engine.attention(engine.encode(images), np.concatenate([begin, tokens[:, :-1]], axis=1))
    height, width = images.shape[1:]
    grid = engine.geometry(height, width)
    vertical = _overlaps(grid.vertical, grid.rows, height)
    horizontal = _overlaps(grid.horizontal, grid.columns, width)
    cells = weights.reshape(*weights.shape[:2], grid.columns, grid.rows)
    return np.asarray(vertical @ cells.swapaxes(2, 3) @ horizontal.T, np.float32)


def attention_rows(
    engine: Engine, config: InferenceConfig, samples: Iterable[tuple[str, Pixels, str]]
) -> Iterator[dict[str, object]]:
    """Rows of schemas.ATTENTION for (formula_id, image (H, W), predicted formula), none of them empty."""
    for name, image, latex in samples:
        page, ids = pad_to_bucket(config.shapes, image), config.vocabulary.encode(latex.split())
        maps = attention_maps(engine, page[None], np.array([ids]))[0]
        yield {
            "formula_id": name,
            "tokens": [config.vocabulary.tokens[index] for index in ids],
            "rows": maps.shape[1],
            "columns": maps.shape[2],
            "maps": maps.ravel().tolist(),
            "page": {"bytes": encode_png(page), "path": None},
        }


def _overlaps(axis: AxisGeometry, count: int, length: int) -> Maps:
    """The share of each of `count` grid cells that is in each of the equal parts of `length` pixels: (parts, count).

    A cell at the edge counts as all within the image; a single one, such as a strip, spans the whole axis.
    """
    if count == 1:
        return np.ones((1, 1), np.float32)
    parts = max(1, round(length / axis.stride))
    edges = np.arange(parts + 1) * (length / parts)
    starts = axis.offset + 0.5 + axis.stride * (np.arange(count) - 0.5)
    starts, ends = starts.clip(min=0), (starts + axis.stride).clip(max=length)
    low, high = np.maximum(edges[:-1, None], starts), np.minimum(edges[1:, None], ends)
    return np.asarray((high - low).clip(min=0) / (ends - starts).clip(min=1), np.float32)
