"""A tower of convolutions and pools, described layer by layer: the image readers of the recurrent families.

Sources of the towers in the presets: Deng et al. 2016 (arXiv 1609.04938, table 1), Singh 2018 (arXiv 1802.05415,
section 2.2), and the code of the seq2seq families.
"""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn

from im2latex.config import Params
from im2latex.errors import InputError
from im2latex.models.encoders.base import Encoder, EncoderSettings, Spacing, columns_first
from im2latex.models.encoders.positional_encoding import positions_2d

Activation = Literal["relu", "tanh", "none"]
ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "none": nn.Identity}

BATCH_NORM_MOMENTUM = 0.02
"""What one batch weighs in the statistics that are used after training. A batch holds images of one shape, which
differ from those of other shapes, so that the mean is taken over more of them than PyTorch's 0.1 does."""


class LayerParams(Params):
    """A convolution, then what follows it: batch norm, activation, max pool."""

    conv: int = Field(ge=1, description="channels")
    kernel: tuple[int, int] = Field((3, 3), description="height and width of the kernel")
    stride: int = Field(1, ge=1, description="step of the kernel, both ways")
    valid: bool = Field(False, description="without padding: the outermost places are lost")
    norm: bool = Field(False, description="batch norm after the convolution")
    activation: Activation = Field("relu", description="what follows")
    pool: tuple[int, int] = Field((1, 1), description="height and width of the max pool")

    def padding(self, axis: int) -> int:
        """Pixels of padding on either side."""
        return 0 if self.valid else (self.kernel[axis] - 1) // 2

    def size(self, length: int, axis: int) -> int:
        """Its output's height (axis 0) or width (axis 1) from that of its input."""
        return ((length + 2 * self.padding(axis) - self.kernel[axis]) // self.stride + 1) // self.pool[axis]


def cells(layers: tuple[LayerParams, ...], length: int, axis: int) -> int:
    """The rows (axis 0) or columns (axis 1) that layers leave of so many pixels."""
    for layer in layers:
        length = layer.size(length, axis)
    return length


def padded(layers: tuple[LayerParams, ...], length: int, axis: int) -> int:
    """The least multiple of the stride that holds `length` pixels and leaves a row or column."""
    stride = math.prod(layer.stride * layer.pool[axis] for layer in layers)
    length = -(-length // stride) * stride
    while cells(layers, length, axis) < 1:
        length += stride
    return length


def grid_of(layers: tuple[LayerParams, ...], height: int, width: int) -> tuple[int, int]:
    """The rows and columns that layers make of an image of that size in pixels."""
    return cells(layers, padded(layers, height, 0), 0), cells(layers, padded(layers, width, 1), 1)


def spacing_of(layers: tuple[LayerParams, ...], axis: int) -> Spacing:
    """Where the cells that layers make lie along an axis."""
    first, step = 0.0, 1
    for layer in layers:
        first += step * ((layer.kernel[axis] - 1) / 2 - layer.padding(axis))
        step *= layer.stride
        first += step * (layer.pool[axis] - 1) / 2
        step *= layer.pool[axis]
    return Spacing(first, step)


class Tower(nn.Module):
    """The layers one after the other; images are first padded with paper to a multiple of the stride."""

    def __init__(self, layers: tuple[LayerParams, ...]) -> None:
        super().__init__()
        self.layers = layers
        before, stack = 1, list[nn.Module]()
        for layer in layers:
            sides = (layer.padding(0), layer.padding(1))
            conv = nn.Conv2d(before, layer.conv, layer.kernel, layer.stride, sides)
            if layer.activation == "relu":
                nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            else:
                nn.init.xavier_uniform_(conv.weight)
            nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
            stack += [conv, nn.BatchNorm2d(layer.conv, momentum=BATCH_NORM_MOMENTUM)] if layer.norm else [conv]
            stack += [ACTIVATIONS[layer.activation]()]
            stack += [nn.MaxPool2d(layer.pool)] if layer.pool != (1, 1) else []
            before = layer.conv
        self.stack = nn.Sequential(*stack)

    def forward(self, ink: Tensor) -> Tensor:
        """(B, 1, H, W) to (B, D, rows, columns)."""
        right, below = (padded(self.layers, ink.shape[side], side - 2) - ink.shape[side] for side in (3, 2))
        room = F.pad(ink, (0, right, 0, below)).contiguous(memory_format=torch.channels_last)
        grid: Tensor = self.stack(room)
        return grid


class TowerEncoderParams(EncoderSettings):
    """A tower whose grid is the memory."""

    name: Literal["tower"]
    layers: tuple[LayerParams, ...] = Field(min_length=1, description="from the image upwards")
    timing: bool = Field(description="add sines and cosines of row and column to the features")
    page: tuple[int, int] | None = Field(
        description="height and width in pixels that all images are brought to; null for none"
    )
    strips: bool = Field(description="join the rows of a column to one position; needs a page")

    @model_validator(mode="after")
    def _strips_have_a_height(self) -> "TowerEncoderParams":
        if self.strips and self.page is None:
            raise ValueError("strips need a page, which says how many rows are joined; set page: [height, width]")
        return self

    @property
    def page_grid(self) -> tuple[int, int]:
        """The rows and columns of the page."""
        return grid_of(self.layers, *(self.page or (1, 1)))

    @property
    def width(self) -> int:
        """The width D of the memory."""
        return self.layers[-1].conv * (self.page_grid[0] if self.strips else 1)

    @property
    def positions(self) -> int | None:
        """The positions of the page, where there is one."""
        rows, columns = self.page_grid
        return None if self.page is None else columns if self.strips else rows * columns


class TowerEncoder(Encoder):
    """See `TowerEncoderParams`.

    With a page, the grid of every image lies in the upper left of the page's grid, and the rest is zero: blank
    paper has no features. Singh 2018 draws the paper around the image instead, at the cost of reading it.
    """

    def __init__(self, params: TowerEncoderParams) -> None:
        super().__init__()
        self.params, self.features = params, params.width
        self.tower = Tower(params.layers)

    def forward(self, ink: Tensor) -> Tensor:
        """(B, 1, H, W) to (B, P, D); raises `InputError` where the image is larger than the page."""
        self._check(ink.shape[2], ink.shape[3])
        grid = self.tower(ink)
        if self.params.timing:
            grid = grid + positions_2d(grid.shape[2], grid.shape[3], grid.shape[1], grid.device)
        if self.params.page is not None:
            rows, columns = self.params.page_grid
            grid = F.pad(grid, (0, columns - grid.shape[3], 0, rows - grid.shape[2]))
        if self.params.strips:
            grid = grid.flatten(1, 2)[:, :, None]
        return columns_first(grid)

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """The rows and columns of the memory; with a page, those of the page."""
        if self.params.page is None:
            return grid_of(self.params.layers, height, width)
        rows, columns = self.params.page_grid
        return (1 if self.params.strips else rows), columns

    def lattice(self) -> tuple[Spacing, Spacing]:
        """Where the cells lie; a strip is one cell as high as the page."""
        across = spacing_of(self.params.layers, 1)
        if self.params.strips and self.params.page is not None:
            height = self.params.page[0]
            return Spacing((height - 1) / 2, height), across
        return spacing_of(self.params.layers, 0), across

    def _check(self, height: int, width: int) -> None:
        page = self.params.page
        if page is not None and (height > page[0] or width > page[1]):
            raise InputError(
                f"an image of {height} x {width} pixels does not fit the page of {page[0]} x {page[1]} pixels that "
                "this model reads; filter such images (filter.max_height_px, filter.max_width_px) or take a larger "
                "page"
            )
