"""Small convolutional network followed by transformer layers over its grid: the encoder of the presets `fast-*`."""

from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn

from im2latex.models.encoders.base import Encoder, EncoderBaseParams, flatten_grid
from im2latex.models.transformer_layers import (
    FeedForward,
    MultiHeadAttention,
    check_heads,
    sinusoidal_encoding_2d,
    zero_parameters,
)
from im2latex.types import AxisGeometry, GridGeometry

_STRIDE = 8
"""Of three convolutions of stride 2."""


class ConvEncoderParams(EncoderBaseParams):
    """Parameters of a small residual network with stride 8 and transformer layers over its grid."""

    name: Literal["conv"]
    channels: tuple[int, int, int] = Field(description="channels at strides 2, 4 and 8")
    blocks: tuple[int, int, int] = Field(description="residual blocks at strides 2, 4 and 8")
    features: int = Field(ge=8, description="width D of the memory; a multiple of 4 and of heads")
    heads: int = Field(ge=1, description="attention heads of a transformer layer")
    layers: int = Field(ge=0, description="transformer layers over the grid")
    dropout: float = Field(ge=0, lt=1, description="dropout of the memory and in the transformer layers")
    block: Literal["residual", "convnext"] = Field("residual", description="kind of the convolutional blocks")
    batch_norm_momentum: float = Field(
        0.1, gt=0, le=1, description="weight of one batch in the running statistics; a batch has images of one shape"
    )

    @model_validator(mode="after")
    def _heads_divide_features(self) -> "ConvEncoderParams":
        check_heads(self.features, self.heads)
        return self

    @property
    def out_features(self) -> int:
        return self.features

    def build(self) -> "ConvEncoder":
        return ConvEncoder(self)


class ResidualBlock(nn.Module):
    """Residual block of two 3x3 convolutions."""

    def __init__(self, channels: int, momentum: float) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, momentum=momentum)
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map a feature map (B, C, H, W) to one of the same shape."""
        update: Tensor = self.second(F.gelu(self.first(self.norm(x))))
        return x + update

    def reset_to_identity(self) -> None:
        """Zero the last layer of the residual branch, so that the block returns its input."""
        zero_parameters(self.second)


class ConvNextBlock(nn.Module):
    """Residual block of a depthwise 7x7 convolution and a feed-forward of each pixel.

    After Liu et al. 2022 (arXiv 2201.03545, figure 4), with batch norm instead of layer norm and an expansion of two
    instead of four. In a trial of fast-small with 3,000 samples on a CPU it was no faster in bfloat16 than two 3x3
    convolutions, and learned less.
    """

    def __init__(self, channels: int, momentum: float) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.BatchNorm2d(channels, momentum=momentum)
        self.first = nn.Conv2d(channels, 2 * channels, 1)
        self.second = nn.Conv2d(2 * channels, channels, 1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map a feature map (B, C, H, W) to one of the same shape."""
        update: Tensor = self.second(F.gelu(self.first(self.norm(self.depthwise(x)))))
        return x + update

    def reset_to_identity(self) -> None:
        """Zero the last layer of the residual branch, so that the block returns its input."""
        zero_parameters(self.second)


class EncoderLayer(nn.Module):
    """Pre-norm transformer layer: self-attention over the grid positions, then a feed-forward network."""

    def __init__(self, features: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.self_attention = MultiHeadAttention(features, heads)
        self.feed_forward = FeedForward(features, 2)
        self.norms = nn.ModuleList(nn.LayerNorm(features) for _ in range(2))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map a memory (B, P, D) to one of the same shape."""
        normed = self.norms[0](x)
        x = x + self.dropout(self.self_attention(normed, *self.self_attention.keys_values(normed)))
        return x + self.dropout(self.feed_forward(self.norms[1](x)))  # type: ignore[no-any-return]

    def reset_to_identity(self) -> None:
        """Zero the last layer of both residual branches, so that the layer returns its input."""
        zero_parameters(self.self_attention.output, self.feed_forward[-1])


_BLOCKS = {"residual": ResidualBlock, "convnext": ConvNextBlock}


class ConvEncoder(Encoder):
    """Encoder of `ConvEncoderParams`; P = ceil(H / 8) * ceil(W / 8)."""

    def __init__(self, params: ConvEncoderParams) -> None:
        super().__init__()
        self.out_features = params.features
        block, momentum = _BLOCKS[params.block], params.batch_norm_momentum
        stages: list[nn.Module] = []
        in_channels = 1
        for channels, blocks in zip(params.channels, params.blocks, strict=True):
            kernel = 5 if in_channels == 1 else 3
            stages += [nn.Conv2d(in_channels, channels, kernel, stride=2, padding=kernel // 2)]
            stages += [nn.BatchNorm2d(channels, momentum=momentum), nn.GELU()]
            stages += [block(channels, momentum) for _ in range(blocks)]
            in_channels = channels
        self.stages = nn.Sequential(*stages)
        self.project = nn.Sequential(
            nn.BatchNorm2d(in_channels, momentum=momentum), nn.Conv2d(in_channels, params.features, 1)
        )
        self.dropout = nn.Dropout(params.dropout)
        self.layers = nn.ModuleList(
            EncoderLayer(params.features, params.heads, params.dropout) for _ in range(params.layers)
        )
        self.norm = nn.LayerNorm(params.features)

    def forward(self, ink: Tensor) -> Tensor:
        grid = ink
        for stage in self.stages:
            # The memory format of one channel is ambiguous, so that the first convolution returns NCHW.
            grid = stage(grid).contiguous(memory_format=torch.channels_last)
        grid = self.project(grid)
        grid = grid + sinusoidal_encoding_2d(grid.shape[2], grid.shape[3], self.out_features, grid.device)
        memory: Tensor = self.dropout(flatten_grid(grid))
        for layer in self.layers:
            memory = layer(memory)
        normed: Tensor = self.norm(memory)
        return normed

    def geometry(self, height: int, width: int) -> GridGeometry:
        axis = AxisGeometry(0.0, _STRIDE)  # a strided convolution has its first output around the first pixel
        return GridGeometry(-(-height // _STRIDE), -(-width // _STRIDE), axis, axis)
