"""A tower of convolutions, then an LSTM along each row of its grid, both ways (Deng et al. 2016, arXiv 1609.04938).

The rows share one LSTM and differ in where it starts: each row has a trainable start of its own (section 3.1).
"""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from im2latex.models.encoders.base import Encoder, EncoderSettings, Spacing, columns_first
from im2latex.models.encoders.conv_stack import LayerParams, Tower, grid_of, spacing_of


class RowLstmEncoderParams(EncoderSettings):
    """A tower and a bidirectional LSTM over its rows."""

    name: Literal["row-lstm"]
    layers: tuple[LayerParams, ...] = Field(min_length=1, description="the tower, from the image upwards")
    units: int = Field(ge=1, description="width of the LSTM, each way")
    max_rows: int = Field(ge=1, description="rows with a start of their own; all below share that of the last")

    @property
    def width(self) -> int:
        """The width D of the memory."""
        return 2 * self.units


class RowLstmEncoder(Encoder):
    """See `RowLstmEncoderParams`."""

    def __init__(self, params: RowLstmEncoderParams) -> None:
        super().__init__()
        self.features = params.width
        self.tower = Tower(params.layers)
        self.starts = nn.Embedding(params.max_rows, 4 * params.units)
        nn.init.uniform_(self.starts.weight, -0.05, 0.05)  # all weights of Deng et al. begin within these bounds
        self.rows = nn.LSTM(params.layers[-1].conv, params.units, batch_first=True, bidirectional=True)

    def forward(self, ink: Tensor) -> Tensor:
        """(B, 1, H, W) to (B, P, D)."""
        grid = self.tower(ink)
        B, _, rows, _ = grid.shape
        sequences = grid.permute(0, 2, 3, 1).flatten(0, 1)
        index = torch.arange(rows, device=grid.device).clamp(max=self.starts.num_embeddings - 1)
        start = self.starts(index).repeat(B, 1).unflatten(1, (2, 2, -1))
        hidden, cell = start.permute(1, 2, 0, 3).contiguous()
        read, _ = self.rows(sequences, (hidden, cell))
        return columns_first(read.unflatten(0, (B, rows)).permute(0, 3, 1, 2))

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """The rows and columns of the memory of an image of that size in pixels."""
        return grid_of(self.tower.layers, height, width)

    def lattice(self) -> tuple[Spacing, Spacing]:
        """Where the cells lie."""
        return spacing_of(self.tower.layers, 0), spacing_of(self.tower.layers, 1)
