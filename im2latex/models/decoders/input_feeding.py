"""Recurrent decoder with input feeding (Luong et al. 2015, arXiv 1508.04025), as used by Deng et al. 2016.

The hidden state after a step selects the context. Both make an output vector, which scores the next token and is an
input of the next step.
"""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from im2latex.models.decoders.attention import context_vector
from im2latex.models.decoders.base import State
from im2latex.models.decoders.recurrent import RecurrentDecoder, RecurrentDecoderParams, TokenInput
from im2latex.models.encoders.base import EncoderBaseParams


class InputFeedingDecoderParams(RecurrentDecoderParams):
    """Parameters of a recurrent decoder that attends after its LSTM step."""

    name: Literal["input-feeding"]
    output: int = Field(ge=1, description="width of the output vector")
    dropout: float = Field(ge=0, lt=1, description="dropout of the hidden state and of the output vector")

    def build(self, vocabulary_size: int, encoder: EncoderBaseParams) -> "InputFeedingDecoder":
        return InputFeedingDecoder(self, vocabulary_size, encoder)


class InputFeedingDecoder(RecurrentDecoder):
    """Decoder of `InputFeedingDecoderParams`."""

    def __init__(self, params: InputFeedingDecoderParams, vocabulary_size: int, encoder: EncoderBaseParams) -> None:
        super().__init__(params, vocabulary_size, encoder, input_width=params.output, extra_states=(params.output,))
        self.combine = nn.Linear(params.units[-1] + encoder.out_features, params.output, bias=False)
        self.output = nn.Linear(params.output, vocabulary_size)
        self.dropout = nn.Dropout(params.dropout)

    def advance(self, state: State, token: TokenInput) -> tuple[Tensor, Tensor, State]:
        memory, keys, *states, previous = state
        states = self.run_layers(previous, token.gates, states)
        hidden = self.dropout(states[-2])
        weights = self.attention(hidden, keys)
        context = context_vector(weights, memory)
        output = self.dropout(self.combine(torch.cat([hidden, context], dim=1)).tanh())
        return output, weights, [memory, keys, *states, output]

    def score(self, output: Tensor) -> Tensor:
        logits: Tensor = self.output(output)
        return logits

    def output_matrices(self) -> list[Tensor]:
        return [self.output.weight]
