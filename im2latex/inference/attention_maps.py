"""Where a network looked in an image, for each token that it wrote: the attention of its decoder as maps.

One pass over finished formulas, whatever search found them; every decoder family answers.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.images.arrays import encode_png
from im2latex.models.encoders.base import Spacing
from im2latex.models.model import Network
from im2latex.training.checkpoint import Checkpoint
from im2latex.training.collate import pad_to_bucket


@torch.inference_mode()
def attention_maps(network: Network, images: Tensor, tokens: Tensor) -> Tensor:
    """Where the network looks in images uint8 (B, 1, H, W) as it writes the tokens (B, T), which have no begin mark.

    Answers maps (B, T, rows, columns), float32 on the processor. Map t holds how much of the attention fell on each
    part of the image as token t was written; rows and columns divide the height H and the width W evenly, about as
    finely as the encoder's grid. A map sums to at most 1: what fell on paper beyond the image, as on a page, is left
    out. Formulas of unequal length may be padded at their end with any token.
    """
    begin = torch.full_like(tokens[:, :1], Vocabulary.bos)
    weights = network(images, torch.cat([begin, tokens[:, :-1]], dim=1), attention=True).attention
    assert weights is not None, "asked for"
    height, width = images.shape[2:]
    rows, columns = network.encoder.grid(height, width)
    vertical, horizontal = network.encoder.lattice()
    down, across = _shares(vertical, rows, height), _shares(horizontal, columns, width)
    grid = weights.unflatten(2, (columns, rows)).float().cpu()
    return torch.einsum("btij,yj,xi->btyx", grid, down, across)


def look_back(
    checkpoint: Checkpoint, readings: Iterable[tuple[str, NDArray[np.uint8], str]]
) -> Iterator[dict[str, object]]:
    """Rows of records.ATTENTION for (formula_id, image (h, w), formula that was read in it), none of them empty."""
    device = next(checkpoint.network.parameters()).device
    for name, image, latex in readings:
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


def _shares(spacing: Spacing, count: int, length: int) -> Tensor:
    """How the `count` cells along an axis lie over equal parts of `length` pixels: (parts, count), shares of a cell.

    A cell at the edge is all within the image; a single one, such as a strip, holds all there is along its axis.
    """
    if count == 1:
        return torch.ones(1, 1)
    first, step = spacing
    parts = max(1, round(length / step))
    edges = torch.arange(parts + 1) * (length / parts)
    begins = first + 0.5 + step * (torch.arange(count) - 0.5)
    begins, ends = begins.clamp(min=0), (begins + step).clamp(max=length)
    low, high = torch.maximum(edges[:-1, None], begins), torch.minimum(edges[1:, None], ends)
    return (high - low).clamp(min=0) / (ends - begins).clamp(min=1)
