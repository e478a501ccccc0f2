"""What a recurrent decoder knows before its first token: states made from the memory.

Source: Xu et al. 2015 (arXiv 1502.03044), section 3.1.2.
"""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from im2latex.config import Params


class BeginningParams(Params):
    """How the first states come about."""

    source: Literal["zeros", "mean", "all"] = Field(
        description="zeros; or a layer of tanh over the mean of all positions, or over the features of all at once"
    )
    hidden: int = Field(ge=0, description="width of a layer of tanh before that one; 0 for none")


class Beginning(nn.Module):
    """See `BeginningParams`; `sizes` are the widths of the states that are wanted."""

    def __init__(self, params: BeginningParams, sizes: list[int], width: int, positions: int | None) -> None:
        super().__init__()
        self.source, self.sizes = params.source, sizes
        if params.source == "all":
            assert positions is not None, "checked by RecurrentParams.conflict"
            width *= positions
        layers: list[nn.Module] = []
        if params.hidden:
            layers += [nn.Linear(width, params.hidden), nn.Tanh()]
        layers += [nn.Linear(params.hidden or width, sum(sizes)), nn.Tanh()]
        self.layers = nn.Sequential(*layers) if params.source != "zeros" else None

    def forward(self, memory: Tensor) -> list[Tensor]:
        """The memory (B, P, D) to one state (B, size) for each size."""
        if self.layers is None:
            return [memory.new_zeros(len(memory), size) for size in self.sizes]
        seen = memory.mean(dim=1) if self.source == "mean" else memory.flatten(1)
        return list(torch.split(self.layers(seen), self.sizes, dim=1))
