"""Memory to tokens: the decoders, chosen by name. Each has a room of its own; `contract` says what all offer."""

from typing import Annotated

from pydantic import Field

from im2latex.models.decoders.base import Decoder, State
from im2latex.models.decoders.deep_output import DeepOutputDecoder, DeepOutputDecoderParams
from im2latex.models.decoders.input_feeding import InputFeedingDecoder, InputFeedingDecoderParams
from im2latex.models.decoders.transformer import TransformerDecoder, TransformerDecoderParams
from im2latex.models.encoders.base import EncoderSettings

__all__ = ["Decoder", "DecoderParams", "State", "build_decoder"]

DecoderParams = Annotated[
    DeepOutputDecoderParams | InputFeedingDecoderParams | TransformerDecoderParams,
    Field(discriminator="name"),
]
"""The params of every known decoder, told apart by `name`."""


def build_decoder(params: DecoderParams, vocabulary: int, encoder: EncoderSettings) -> Decoder:
    """The decoder that `params.name` names, for `vocabulary` tokens and that encoder's memory, freshly initialized."""
    match params:
        case DeepOutputDecoderParams():
            return DeepOutputDecoder(params, vocabulary, encoder)
        case InputFeedingDecoderParams():
            return InputFeedingDecoder(params, vocabulary, encoder)
        case TransformerDecoderParams():
            return TransformerDecoder(params, vocabulary)
