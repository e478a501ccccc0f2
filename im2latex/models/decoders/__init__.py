"""Decoders: memory to tokens. The key `name` of the parameters selects one of them."""

from typing import Annotated

from pydantic import Field

from im2latex.models.decoders.deep_output import DeepOutputDecoderParams
from im2latex.models.decoders.input_feeding import InputFeedingDecoderParams
from im2latex.models.decoders.transformer import TransformerDecoderParams

DecoderParams = Annotated[
    DeepOutputDecoderParams | InputFeedingDecoderParams | TransformerDecoderParams,
    Field(discriminator="name"),
]
"""Parameters of any decoder, discriminated by `name`."""
