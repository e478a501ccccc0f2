"""The first stages of a residual net, a projection and 2-D positions: the encoder of the preset `resnet-transformer`.

Basic blocks and stem are those of ResNet-18 (He et al. 2016, arXiv 1512.03385, table 1), for images of one channel.
"""

from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from im2latex.models.encoders.base import Encoder, EncoderSettings, Spacing, columns_first
from im2latex.models.encoders.conv_stack import BATCH_NORM_MOMENTUM
from im2latex.models.encoders.positional_encoding import positions_2d


class ResnetEncoderParams(EncoderSettings):
    """Stages of basic blocks, from stride 4; every stage after the first doubles the stride."""

    name: Literal["resnet"]
    channels: tuple[int, ...] = Field(min_length=1, description="channels of each stage")
    blocks: tuple[int, ...] = Field(min_length=1, description="blocks of each stage")
    features: int = Field(ge=4, multiple_of=4, description="width D of the memory")

    @model_validator(mode="after")
    def _stages_agree(self) -> "ResnetEncoderParams":
        if len(self.channels) != len(self.blocks):
            raise ValueError("channels and blocks must name the same number of stages")
        return self

    @property
    def width(self) -> int:
        """The width D of the memory."""
        return self.features


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with batch norm around a skip, which is projected where the size changes."""

    def __init__(self, before: int, channels: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(before, channels, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(channels, momentum=BATCH_NORM_MOMENTUM),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels, momentum=BATCH_NORM_MOMENTUM),
        )
        self.skip = nn.Sequential()
        if stride > 1 or before != channels:
            self.skip.extend(
                [
                    nn.Conv2d(before, channels, 1, stride, bias=False),
                    nn.BatchNorm2d(channels, momentum=BATCH_NORM_MOMENTUM),
                ]
            )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, channels, H / stride, W / stride), rounded up."""
        return torch.relu(self.skip(x) + self.body(x))


class ResnetEncoder(Encoder):
    """See `ResnetEncoderParams`."""

    def __init__(self, params: ResnetEncoderParams) -> None:
        super().__init__()
        self.features = params.features
        self.stride = 2 ** (len(params.channels) + 1)
        first = params.channels[0]
        self.stem = nn.Sequential(
            nn.Conv2d(1, first, 7, stride=2, padding=3, bias=False),
            nn.BatchNorm2d(first, momentum=BATCH_NORM_MOMENTUM),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        stages: list[nn.Module] = []
        before = first
        for index, (channels, blocks) in enumerate(zip(params.channels, params.blocks, strict=True)):
            for place in range(blocks):
                stages.append(BasicBlock(before, channels, 2 if index and not place else 1))
                before = channels
        self.stages = nn.Sequential(*stages)
        self.project = nn.Conv2d(before, params.features, 1)

    def forward(self, ink: Tensor) -> Tensor:
        """(B, 1, H, W) to (B, P, D)."""
        grid = self.project(self.stages(self.stem(ink.contiguous(memory_format=torch.channels_last))))
        return columns_first(grid + positions_2d(grid.shape[2], grid.shape[3], self.features, grid.device))

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """The rows and columns of the memory of an image of that size in pixels."""
        return -(-height // self.stride), -(-width // self.stride)

    def lattice(self) -> tuple[Spacing, Spacing]:
        """Where the cells lie: all that has stride 2 starts around the first pixel."""
        return Spacing(0.0, self.stride), Spacing(0.0, self.stride)
