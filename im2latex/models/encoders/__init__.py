"""Image to memory: the encoders, chosen by name. Each has a room of its own; `contract` says what all offer."""

from typing import Annotated

from pydantic import Field

from im2latex.models.encoders.base import Encoder
from im2latex.models.encoders.conv import ConvEncoder, ConvEncoderParams
from im2latex.models.encoders.conv_stack import TowerEncoder, TowerEncoderParams
from im2latex.models.encoders.resnet import ResnetEncoder, ResnetEncoderParams
from im2latex.models.encoders.row_lstm import RowLstmEncoder, RowLstmEncoderParams

EncoderParams = Annotated[
    ConvEncoderParams | ResnetEncoderParams | RowLstmEncoderParams | TowerEncoderParams,
    Field(discriminator="name"),
]
"""The params of every known encoder, told apart by `name`."""


def build_encoder(params: EncoderParams) -> Encoder:
    """The encoder that `params.name` names, freshly initialized."""
    match params:
        case ConvEncoderParams():
            return ConvEncoder(params)
        case ResnetEncoderParams():
            return ResnetEncoder(params)
        case RowLstmEncoderParams():
            return RowLstmEncoder(params)
        case TowerEncoderParams():
            return TowerEncoder(params)
