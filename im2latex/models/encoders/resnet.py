"""First stages of a ResNet with 2-D positional encoding: the encoder of the presets `resnet-transformer-*`.

Stem and basic blocks are those of ResNet-18 (He et al. 2016, arXiv 1512.03385, table 1), for images of one channel.
"""

from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from im2latex.models.encoders.base import Encoder, EncoderBaseParams, flatten_grid
from im2latex.models.encoders.conv_stack import BATCH_NORM_MOMENTUM
from im2latex.models.transformer_layers import sinusoidal_encoding_2d
from im2latex.types import AxisGeometry, GridGeometry


class ResnetEncoderParams(EncoderBaseParams):
    """Parameters of a ResNet of basic blocks; the first stage has stride 4, each later one doubles it."""

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
    def out_features(self) -> int:
        return self.features

    def build(self) -> "ResnetEncoder":
        return ResnetEncoder(self)


class BasicBlock(nn.Module):
    """Residual block of two 3x3 convolutions with batch norm; the skip is projected where the shape changes."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(channels, momentum=BATCH_NORM_MOMENTUM),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels, momentum=BATCH_NORM_MOMENTUM),
        )
        self.skip = nn.Sequential()
        if stride > 1 or in_channels != channels:
            self.skip.extend(
                [
                    nn.Conv2d(in_channels, channels, 1, stride, bias=False),
                    nn.BatchNorm2d(channels, momentum=BATCH_NORM_MOMENTUM),
                ]
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, channels, ceil(H / stride), ceil(W / stride))."""
        return torch.relu(self.skip(x) + self.body(x))


class ResnetEncoder(Encoder):
    """Encoder of `ResnetEncoderParams`."""

    def __init__(self, params: ResnetEncoderParams) -> None:
        super().__init__()
        self.out_features = params.features
        self.stride = 2 ** (len(params.channels) + 1)
        first = params.channels[0]
        self.stem = nn.Sequential(
            nn.Conv2d(1, first, 7, stride=2, padding=3, bias=False),
            nn.BatchNorm2d(first, momentum=BATCH_NORM_MOMENTUM),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        stages: list[nn.Module] = []
        in_channels = first
        for index, (channels, blocks) in enumerate(zip(params.channels, params.blocks, strict=True)):
            for position in range(blocks):
                stages.append(BasicBlock(in_channels, channels, 2 if index and not position else 1))
                in_channels = channels
        self.stages = nn.Sequential(*stages)
        self.project = nn.Conv2d(in_channels, params.features, 1)

    def forward(self, ink: Tensor) -> Tensor:
        grid = self.project(self.stages(self.stem(ink.contiguous(memory_format=torch.channels_last))))
        encoding = sinusoidal_encoding_2d(grid.shape[2], grid.shape[3], self.out_features, grid.device)
        return flatten_grid(grid + encoding)

    def geometry(self, height: int, width: int) -> GridGeometry:
        axis = AxisGeometry(0.0, self.stride)  # a strided layer has its first output around the first pixel
        return GridGeometry(-(-height // self.stride), -(-width // self.stride), axis, axis)
