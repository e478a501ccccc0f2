"""Attention maps: where in the image the decoder attends for each token of a formula.

One pass over a finished formula, whatever search found it; every decoder family supports it.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.images.arrays import encode_png
from im2latex.models.encoders.base import AxisGeometry
from im2latex.models.model import Network
from im2latex.training.checkpoint import Checkpoint
from im2latex.training.collate import pad_to_bucket


@torch.inference_mode()
def attention_maps(network: Network, images: Tensor, tokens: Tensor) -> Tensor:
    """Attention maps of images uint8 (B, 1, H, W) for the tokens (B, T), given without begin token.

    Returns maps (B, T, rows, columns), float32 on the CPU. Map t holds the share of the attention on each part of the
    image for token t; rows and columns divide H and W evenly, about as finely as the encoder's grid. A map sums to at
    most 1: attention on grid positions outside the image is left out. Formulas of unequal length may be padded at
    their end with any token.
    """
    begin = torch.full_like(tokens[:, :1], Vocabulary.bos)
    weights = network(images, torch.cat([begin, tokens[:, :-1]], dim=1), need_weights=True).attention
    assert weights is not None, "requested"
    height, width = images.shape[2:]
    grid = network.encoder.geometry(height, width)
    vertical = _overlaps(grid.vertical, grid.rows, height)
    horizontal = _overlaps(grid.horizontal, grid.columns, width)
    cells = weights.unflatten(2, (grid.columns, grid.rows)).float().cpu()
    return torch.einsum("btij,yj,xi->btyx", cells, vertical, horizontal)


def attention_rows(
    checkpoint: Checkpoint, samples: Iterable[tuple[str, NDArray[np.uint8], str]]
) -> Iterator[dict[str, object]]:
    """Rows of schemas.ATTENTION for (formula_id, image (H, W), predicted formula), none of them empty."""
    device = next(checkpoint.network.parameters()).device
    for name, image, latex in samples:
        page, ids = pad_to_bucket(checkpoint.shapes, image), checkpoint.vocabulary.encode(latex.split())
        maps = attention_maps(checkpoint.network, page.to(device), torch.tensor([ids], device=device))[0]
        yield {
            "formula_id": name,
            "tokens": [checkpoint.vocabulary.tokens[index] for index in ids],
            "rows": maps.shape[1],
            "columns": maps.shape[2],
            "maps": maps.flatten().tolist(),
            "page": {"bytes": encode_png(page[0, 0].numpy()), "path": None},
        }


def _overlaps(axis: AxisGeometry, count: int, length: int) -> Tensor:
    """The share of each of `count` grid cells that is in each of the equal parts of `length` pixels: (parts, count).

    A cell at the edge counts as all within the image; a single one, such as a strip, spans the whole axis.
    """
    if count == 1:
        return torch.ones(1, 1)
    parts = max(1, round(length / axis.stride))
    edges = torch.arange(parts + 1) * (length / parts)
    starts = axis.offset + 0.5 + axis.stride * (torch.arange(count) - 0.5)
    starts, ends = starts.clamp(min=0), (starts + axis.stride).clamp(max=length)
    low, high = torch.maximum(edges[:-1, None], starts), torch.minimum(edges[1:, None], ends)
    return (high - low).clamp(min=0) / (ends - starts).clamp(min=1)
