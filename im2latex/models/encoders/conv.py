"""A small convolutional net whose grid looks at itself: the encoder of the preset `fast`."""

from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn

from im2latex.models.encoders.base import Encoder, EncoderSettings, Spacing, columns_first
from im2latex.models.encoders.positional_encoding import positions_2d
from im2latex.models.multihead_attention import Attention, FeedForward, zero_parameters


class ConvEncoderParams(EncoderSettings):
    """A small residual conv net to stride 8, then a few transformer layers over the grid."""

    name: Literal["conv"]
    channels: tuple[int, int, int] = Field(description="channels at strides 2, 4 and 8")
    blocks: tuple[int, int, int] = Field(description="residual blocks at strides 2, 4 and 8")
    features: int = Field(ge=8, description="width D of the memory; a multiple of 4 and of heads")
    heads: int = Field(ge=1, description="attention heads of a transformer layer")
    layers: int = Field(ge=0, description="transformer layers over the grid")
    dropout: float = Field(ge=0, lt=1, description="dropout of the memory and in the transformer layers")
    block: Literal["residual", "convnext"] = Field("residual", description="what a block of a stage is")
    batch_norm_momentum: float = Field(
        0.1, gt=0, le=1, description="weight of one batch in the running statistics; batches are of one shape each"
    )

    @model_validator(mode="after")
    def _heads_divide_features(self) -> "ConvEncoderParams":
        if self.features % self.heads:
            raise ValueError(f"features must be a multiple of heads ({self.features}, {self.heads})")
        return self

    @property
    def width(self) -> int:
        """The width D of the memory."""
        return self.features


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a skip."""

    def __init__(self, channels: int, momentum: float) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, momentum=momentum)
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        update: Tensor = self.second(F.gelu(self.first(self.norm(x))))
        return x + update

    def reset_to_identity(self) -> None:
        """Zero the output of the residual branch, so that the block returns its input."""
        zero_parameters(self.second)


class ConvNextBlock(nn.Module):
    """A 7x7 convolution of each channel, then a feed-forward of each pixel, around a skip.

    After Liu et al. 2022 (arXiv 2201.03545, figure 4), with the batch norm of the other blocks in the place of a layer
    norm, and twice instead of four times the channels inside. In a trial of fast-small with 3,000 samples on a
    processor it was no faster in bfloat16 than two 3x3 convolutions, and learned less.
    """

    def __init__(self, channels: int, momentum: float) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.BatchNorm2d(channels, momentum=momentum)
        self.first = nn.Conv2d(channels, 2 * channels, 1)
        self.second = nn.Conv2d(2 * channels, channels, 1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        update: Tensor = self.second(F.gelu(self.first(self.norm(self.depthwise(x)))))
        return x + update

    def reset_to_identity(self) -> None:
        """Zero the output of the residual branch, so that the block returns its input."""
        zero_parameters(self.second)


class EncoderLayer(nn.Module):
    """Self-attention over the grid and a feed-forward; each normalized first and added to its input."""

    def __init__(self, features: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.own = Attention(features, heads)
        self.feed = FeedForward(features, 2)
        self.norms = nn.ModuleList(nn.LayerNorm(features) for _ in range(2))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, P, D) to the same shape."""
        normed = self.norms[0](x)
        x = x + self.dropout(self.own(normed, *self.own.keys_values(normed)))
        return x + self.dropout(self.feed(self.norms[1](x)))  # type: ignore[no-any-return]

    def reset_to_identity(self) -> None:
        """Zero the outputs of both residual branches, so that the layer returns its input."""
        zero_parameters(self.own.output, self.feed[-1])


_BLOCKS = {"residual": ResidualBlock, "convnext": ConvNextBlock}


class ConvEncoder(Encoder):
    """See `ConvEncoderParams`; P = H/8 * W/8, each rounded up."""

    def __init__(self, params: ConvEncoderParams) -> None:
        super().__init__()
        self.features = params.features
        block, momentum = _BLOCKS[params.block], params.batch_norm_momentum
        stages: list[nn.Module] = []
        before = 1
        for channels, blocks in zip(params.channels, params.blocks, strict=True):
            kernel = 5 if before == 1 else 3
            stages += [nn.Conv2d(before, channels, kernel, stride=2, padding=kernel // 2)]
            stages += [nn.BatchNorm2d(channels, momentum=momentum), nn.GELU()]
            stages += [block(channels, momentum) for _ in range(blocks)]
            before = channels
        self.stages = nn.Sequential(*stages)
        self.project = nn.Sequential(nn.BatchNorm2d(before, momentum=momentum), nn.Conv2d(before, params.features, 1))
        self.dropout = nn.Dropout(params.dropout)
        self.layers = nn.ModuleList(
            EncoderLayer(params.features, params.heads, params.dropout) for _ in range(params.layers)
        )
        self.norm = nn.LayerNorm(params.features)

    def forward(self, ink: Tensor) -> Tensor:
        """(B, 1, H, W) to (B, P, D)."""
        grid = ink
        for stage in self.stages:
            # An image of one channel says nothing of its layout, so that the first convolution leaves NCHW.
            grid = stage(grid).contiguous(memory_format=torch.channels_last)
        grid = self.project(grid)
        grid = grid + positions_2d(grid.shape[2], grid.shape[3], self.features, grid.device)
        memory: Tensor = self.dropout(columns_first(grid))
        for layer in self.layers:
            memory = layer(memory)
        normed: Tensor = self.norm(memory)
        return normed

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """The rows and columns of the memory of an image of that size in pixels."""
        return -(-height // 8), -(-width // 8)

    def lattice(self) -> tuple[Spacing, Spacing]:
        """Where the cells lie: each convolution of stride 2 starts around the first pixel."""
        return Spacing(0.0, 8.0), Spacing(0.0, 8.0)
