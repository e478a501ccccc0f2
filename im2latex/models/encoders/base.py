"""What every encoder offers.

An encoder maps ink (B, 1, H, W), floats with 0 for paper and 1 for full ink, of any height and width, to a memory
(B, P, D) of P grid positions, column by column from the left, each from its top. It does not know what reads the
memory.
"""

from abc import ABC, abstractmethod
from typing import NamedTuple

from torch import Tensor, nn

from im2latex.config import Params


class EncoderSettings(Params):
    """The params of an encoder; each adds `name` and its sizes."""

    @property
    def width(self) -> int:
        """The width D of the memory."""
        raise NotImplementedError

    @property
    def positions(self) -> int | None:
        """The number P of grid positions where it is the same for every image, as on a page of fixed size."""
        return None


class Spacing(NamedTuple):
    """Cells along an axis: the middle of the first, and the step to the next, in pixels; 0 is a pixel's middle."""

    first: float
    step: float


class Encoder(nn.Module, ABC):
    """What every encoder offers."""

    features: int
    """The width D of its memory."""

    @abstractmethod
    def forward(self, ink: Tensor) -> Tensor:
        """(B, 1, H, W) to (B, P, D)."""

    @abstractmethod
    def grid(self, height: int, width: int) -> tuple[int, int]:
        """The rows and columns of the memory of an image of that size in pixels; their product is P."""

    @abstractmethod
    def lattice(self) -> tuple[Spacing, Spacing]:
        """Where the cells of the grid lie in the image, downwards and to the right.

        Only what a cell is made of counts, not what self-attention or an LSTM adds from elsewhere.
        """


def columns_first(grid: Tensor) -> Tensor:
    """Features (B, D, rows, columns) as a memory (B, P, D)."""
    return grid.transpose(2, 3).flatten(2).transpose(1, 2)
