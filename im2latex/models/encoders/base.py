"""Base classes of the encoders and the geometry of their grids.

An encoder maps ink (B, 1, H, W), floats with 0 for background and 1 for full ink, of any height and width, to a memory
(B, P, D) of P grid positions, column by column from the left, each from its top. It is independent of the decoder.

To add an encoder, write a module with its `Params` and `Encoder` and add the params to the union in `encoders`.
"""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from im2latex.config import Params
from im2latex.types import GridGeometry


class EncoderBaseParams(Params):
    """Base of the encoder parameters; each encoder adds `name` and its sizes."""

    @property
    def out_features(self) -> int:
        """The number D of features of a grid position."""
        raise NotImplementedError

    @property
    def num_positions(self) -> int | None:
        """The number P of grid positions where it is the same for all images, else None."""
        return None

    def build(self) -> "Encoder":
        """A freshly initialized encoder of these parameters."""
        raise NotImplementedError


class Encoder(nn.Module, ABC):
    """Base of the encoders."""

    out_features: int
    """The number D of features of a grid position."""

    @abstractmethod
    def forward(self, ink: Tensor) -> Tensor:
        """Encode ink (B, 1, H, W) as a memory (B, P, D)."""

    @abstractmethod
    def geometry(self, height: int, width: int) -> GridGeometry:
        """The grid of an image of that height and width in pixels."""


def flatten_grid(grid: Tensor) -> Tensor:
    """Flatten a feature map (B, D, rows, columns) to a memory (B, P, D), column by column."""
    return grid.transpose(2, 3).flatten(2).transpose(1, 2)
