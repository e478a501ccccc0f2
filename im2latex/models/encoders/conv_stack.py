"""Convolution and pooling layers, described layer by layer: the encoders of the recurrent families.

Sources of the layers in the presets: Deng et al. 2016 (arXiv 1609.04938, table 1), Singh 2018 (arXiv 1802.05415,
section 2.2), and the published code of the seq2seq families.
"""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn

from im2latex.config import Params
from im2latex.errors import InputError
from im2latex.models.encoders.base import Encoder, EncoderBaseParams, flatten_grid
from im2latex.models.transformer_layers import sinusoidal_encoding_2d
from im2latex.types import AxisGeometry, GridGeometry

Activation = Literal["relu", "tanh", "none"]
ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "none": nn.Identity}

BATCH_NORM_MOMENTUM = 0.02
"""Weight of one batch in the running statistics. A batch holds images of one shape, which differ from those of other
shapes, so that the mean is taken over more batches than with PyTorch's 0.1."""


class ConvLayerParams(Params):
    """Parameters of a convolution, followed by batch norm, activation and max pooling."""

    conv: int = Field(ge=1, description="output channels")
    kernel: tuple[int, int] = Field((3, 3), description="height and width of the kernel")
    stride: int = Field(1, ge=1, description="stride of the kernel along both axes")
    valid: bool = Field(False, description="convolve without padding")
    norm: bool = Field(False, description="batch norm after the convolution")
    activation: Activation = Field("relu", description="activation function")
    pool: tuple[int, int] = Field((1, 1), description="height and width of the max pooling")

    def padding(self, axis: int) -> int:
        """Padding in pixels on either side along the height (axis 0) or the width (axis 1)."""
        return 0 if self.valid else (self.kernel[axis] - 1) // 2

    def output_size(self, length: int, axis: int) -> int:
        """Output height (axis 0) or width (axis 1) for an input of that length."""
        return ((length + 2 * self.padding(axis) - self.kernel[axis]) // self.stride + 1) // self.pool[axis]


ConvLayers = tuple[ConvLayerParams, ...]


class ConvStack(nn.Module):
    """The layers in sequence; images are first padded with background to a multiple of the stride."""

    def __init__(self, params: ConvLayers) -> None:
        super().__init__()
        self.params = params
        in_channels, layers = 1, list[nn.Module]()
        for layer in params:
            padding = (layer.padding(0), layer.padding(1))
            conv = nn.Conv2d(in_channels, layer.conv, layer.kernel, layer.stride, padding)
            if layer.activation == "relu":
                nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            else:
                nn.init.xavier_uniform_(conv.weight)
            nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
            layers += [conv, nn.BatchNorm2d(layer.conv, momentum=BATCH_NORM_MOMENTUM)] if layer.norm else [conv]
            layers += [ACTIVATIONS[layer.activation]()]
            layers += [nn.MaxPool2d(layer.pool)] if layer.pool != (1, 1) else []
            in_channels = layer.conv
        self.layers = nn.Sequential(*layers)

    def forward(self, ink: Tensor) -> Tensor:
        """Map ink (B, 1, H, W) to a feature map (B, D, rows, columns)."""
        right = _padded_length(self.params, ink.shape[3], 1) - ink.shape[3]
        bottom = _padded_length(self.params, ink.shape[2], 0) - ink.shape[2]
        padded = F.pad(ink, (0, right, 0, bottom)).contiguous(memory_format=torch.channels_last)
        grid: Tensor = self.layers(padded)
        return grid


def stack_geometry(layers: ConvLayers, height: int, width: int) -> GridGeometry:
    """The grid that the layers make of an image of that height and width in pixels."""
    rows = _output_length(layers, _padded_length(layers, height, 0), 0)
    columns = _output_length(layers, _padded_length(layers, width, 1), 1)
    return GridGeometry(rows, columns, _axis_geometry(layers, 0), _axis_geometry(layers, 1))


def _output_length(layers: ConvLayers, length: int, axis: int) -> int:
    """The rows (axis 0) or columns (axis 1) of the output for an input of that length."""
    for layer in layers:
        length = layer.output_size(length, axis)
    return length


def _padded_length(layers: ConvLayers, length: int, axis: int) -> int:
    """The least multiple of the stride that holds `length` pixels and has an output of at least one cell."""
    stride = math.prod(layer.stride * layer.pool[axis] for layer in layers)
    length = -(-length // stride) * stride
    while _output_length(layers, length, axis) < 1:
        length += stride
    return length


def _axis_geometry(layers: ConvLayers, axis: int) -> AxisGeometry:
    """Centers of the output cells along an axis."""
    offset, stride = 0.0, 1
    for layer in layers:
        offset += stride * ((layer.kernel[axis] - 1) / 2 - layer.padding(axis))
        stride *= layer.stride
        offset += stride * (layer.pool[axis] - 1) / 2
        stride *= layer.pool[axis]
    return AxisGeometry(offset, stride)


class ConvStackEncoderParams(EncoderBaseParams):
    """Parameters of an encoder whose memory is the output of a convolution stack."""

    name: Literal["conv-stack"]
    layers: ConvLayers = Field(min_length=1, description="convolution layers, from the image on")
    positional_encoding: bool = Field(description="add sinusoidal encodings of row and column to the features")
    image_size: tuple[int, int] | None = Field(
        description="height and width in pixels that all images are padded to; null for images of any size"
    )
    strips: bool = Field(description="join the rows of a column into one position; needs image_size")

    @model_validator(mode="after")
    def _strips_have_a_height(self) -> "ConvStackEncoderParams":
        if self.strips and self.image_size is None:
            raise ValueError("strips needs image_size, which fixes the number of rows; set image_size: [height, width]")
        return self

    @property
    def max_grid(self) -> tuple[int, int]:
        """The rows and columns of an image of `image_size`."""
        geometry = stack_geometry(self.layers, *(self.image_size or (1, 1)))
        return geometry.rows, geometry.columns

    @property
    def out_features(self) -> int:
        return self.layers[-1].conv * (self.max_grid[0] if self.strips else 1)

    @property
    def num_positions(self) -> int | None:
        rows, columns = self.max_grid
        return None if self.image_size is None else columns if self.strips else rows * columns

    def build(self) -> "ConvStackEncoder":
        return ConvStackEncoder(self)


class ConvStackEncoder(Encoder):
    """Encoder of `ConvStackEncoderParams`.

    With `image_size`, the grid of every image is padded with zeros, at the bottom and the right, to the grid of that
    size. Singh 2018 pads the image with background instead, which costs the convolutions over it.
    """

    def __init__(self, params: ConvStackEncoderParams) -> None:
        super().__init__()
        self.params, self.out_features = params, params.out_features
        self.conv_stack = ConvStack(params.layers)

    def forward(self, ink: Tensor) -> Tensor:
        """Encode ink (B, 1, H, W) as (B, P, D); raises `InputError` for images larger than `image_size`."""
        self._check_size(ink.shape[2], ink.shape[3])
        grid = self.conv_stack(ink)
        if self.params.positional_encoding:
            grid = grid + sinusoidal_encoding_2d(grid.shape[2], grid.shape[3], grid.shape[1], grid.device)
        if self.params.image_size is not None:
            rows, columns = self.params.max_grid
            grid = F.pad(grid, (0, columns - grid.shape[3], 0, rows - grid.shape[2]))
        if self.params.strips:
            grid = grid.flatten(1, 2)[:, :, None]
        return flatten_grid(grid)

    def geometry(self, height: int, width: int) -> GridGeometry:
        geometry = stack_geometry(self.params.layers, height, width)
        if self.params.image_size is None:
            return geometry
        rows, columns = self.params.max_grid
        if not self.params.strips:
            return geometry._replace(rows=rows, columns=columns)
        full_height = self.params.image_size[0]
        return geometry._replace(rows=1, columns=columns, vertical=AxisGeometry((full_height - 1) / 2, full_height))

    def _check_size(self, height: int, width: int) -> None:
        size = self.params.image_size
        if size is not None and (height > size[0] or width > size[1]):
            raise InputError(
                f"an image of {height} x {width} pixels exceeds the image_size {size[0]} x {size[1]} of this model; "
                "filter such images (filter.max_height_px, filter.max_width_px) or choose a larger image_size"
            )
