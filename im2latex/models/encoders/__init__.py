"""Encoders: image to memory. The key `name` of the parameters selects one of them."""

from typing import Annotated

from pydantic import Field

from im2latex.models.encoders.conv import ConvEncoderParams
from im2latex.models.encoders.conv_stack import ConvStackEncoderParams
from im2latex.models.encoders.resnet import ResnetEncoderParams
from im2latex.models.encoders.row_lstm import RowLstmEncoderParams

EncoderParams = Annotated[
    ConvEncoderParams | ResnetEncoderParams | RowLstmEncoderParams | ConvStackEncoderParams,
    Field(discriminator="name"),
]
"""Parameters of any encoder, discriminated by `name`."""
