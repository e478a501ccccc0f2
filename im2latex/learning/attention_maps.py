"""Where a network looked in a picture, for each token that it wrote: the attention of its decoder as maps.

One pass over finished formulas, whatever search found them; every decoder family answers.
"""

import torch
from torch import Tensor

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.learning.encoders.contract import Spacing
from im2latex.learning.network import Network


@torch.inference_mode()
def attention_maps(network: Network, images: Tensor, tokens: Tensor) -> Tensor:
    """Where the network looks in pictures uint8 (B, 1, H, W) as it writes the tokens (B, T), which have no begin mark.

    Answers maps (B, T, rows, columns), float32 on the processor. Map t holds how much of the attention fell on each
    part of the picture as token t was written; rows and columns divide the height H and the width W evenly, about as
    finely as the encoder's grid. A map sums to at most 1: what fell on paper beyond the picture, as on a page, is left
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


def _shares(spacing: Spacing, count: int, length: int) -> Tensor:
    """How the `count` cells along an axis lie over equal parts of `length` pixels: (parts, count), shares of a cell.

    A single cell, such as a strip, holds all there is along its axis.
    """
    if count == 1:
        return torch.ones(1, 1)
    first, step = spacing
    parts = max(1, round(length / step))
    edges = torch.arange(parts + 1) * (length / parts)
    begins = first + 0.5 + step * (torch.arange(count) - 0.5)
    low, high = torch.maximum(edges[:-1, None], begins), torch.minimum(edges[1:, None], begins + step)
    return (high - low).clamp(min=0) / step
