"""Convolution stack and a bidirectional LSTM along each row of its grid (Deng et al. 2016, arXiv 1609.04938).

All rows share one LSTM; each row has a trainable initial state of its own (section 3.1).
"""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from im2latex.models.encoders.base import Encoder, EncoderBaseParams, flatten_grid
from im2latex.models.encoders.conv_stack import ConvLayers, ConvStack, stack_geometry
from im2latex.types import GridGeometry


class RowLstmEncoderParams(EncoderBaseParams):
    """Parameters of a convolution stack and a bidirectional LSTM over its rows."""

    name: Literal["row-lstm"]
    layers: ConvLayers = Field(min_length=1, description="convolution layers, from the image on")
    units: int = Field(ge=1, description="hidden units of the LSTM in each direction")
    max_rows: int = Field(ge=1, description="rows with an initial state of their own; lower rows share the last one")

    @property
    def out_features(self) -> int:
        return 2 * self.units

    def build(self) -> "RowLstmEncoder":
        return RowLstmEncoder(self)


class RowLstmEncoder(Encoder):
    """Encoder of `RowLstmEncoderParams`."""

    def __init__(self, params: RowLstmEncoderParams) -> None:
        super().__init__()
        self.out_features = params.out_features
        self.conv_stack = ConvStack(params.layers)
        self.row_states = nn.Embedding(params.max_rows, 4 * params.units)
        nn.init.uniform_(self.row_states.weight, -0.05, 0.05)  # the initial range of all weights in Deng et al.
        self.lstm = nn.LSTM(params.layers[-1].conv, params.units, batch_first=True, bidirectional=True)

    def forward(self, ink: Tensor) -> Tensor:
        grid = self.conv_stack(ink)
        B, _, rows, _ = grid.shape
        sequences = grid.permute(0, 2, 3, 1).flatten(0, 1)
        index = torch.arange(rows, device=grid.device).clamp(max=self.row_states.num_embeddings - 1)
        initial = self.row_states(index).repeat(B, 1).unflatten(1, (2, 2, -1))
        hidden, cell = initial.permute(1, 2, 0, 3).contiguous()
        output, _ = self.lstm(sequences, (hidden, cell))
        return flatten_grid(output.unflatten(0, (B, rows)).permute(0, 3, 1, 2))

    def geometry(self, height: int, width: int) -> GridGeometry:
        return stack_geometry(self.conv_stack.params, height, width)
