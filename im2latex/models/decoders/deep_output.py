"""Recurrent decoder with a deep output (Singh 2018, arXiv 1802.05415, after Xu et al. 2015, arXiv 1502.03044).

The hidden state before a step selects the context, which enters the LSTM besides the token. A deep output (Pascanu et
al. 2014) scores the next token from the LSTM's hidden state and, by skip connections, from token and context.
"""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from im2latex.models.decoders.attention import context_vector
from im2latex.models.decoders.base import State
from im2latex.models.decoders.recurrent import RecurrentDecoder, RecurrentDecoderParams, TokenInput
from im2latex.models.encoders.base import EncoderBaseParams


class DeepOutputDecoderParams(RecurrentDecoderParams):
    """Parameters of a recurrent decoder that attends before its LSTM step."""

    name: Literal["deep-output"]
    output: tuple[int, ...] = Field(description="widths of the tanh layers before the logits")
    skips: bool = Field(description="skip connections of token and context around the LSTM to the output")

    def build(self, vocabulary_size: int, encoder: EncoderBaseParams) -> "DeepOutputDecoder":
        return DeepOutputDecoder(self, vocabulary_size, encoder)


class DeepOutputDecoder(RecurrentDecoder):
    """Decoder of `DeepOutputDecoderParams`."""

    def __init__(self, params: DeepOutputDecoderParams, vocabulary_size: int, encoder: EncoderBaseParams) -> None:
        super().__init__(params, vocabulary_size, encoder, input_width=encoder.out_features)
        self.skips = params.skips
        inputs = params.units[-1] + (params.embedding + encoder.out_features if params.skips else 0)
        layers: list[nn.Module] = []
        for width in params.output:
            layers += [nn.Linear(inputs, width), nn.Tanh()]
            inputs = width
        self.hidden = nn.Sequential(*layers)
        self.output = nn.Linear(inputs, vocabulary_size)

    def advance(self, state: State, token: TokenInput) -> tuple[Tensor, Tensor, State]:
        memory, keys, *states = state
        weights = self.attention(states[-2], keys)
        context = context_vector(weights, memory)
        states = self.run_layers(context, token.gates, states)
        output = torch.cat([token.embedding, states[-2], context], dim=1) if self.skips else states[-2]
        return output, weights, [memory, keys, *states]

    def score(self, output: Tensor) -> Tensor:
        logits: Tensor = self.output(self.hidden(output))
        return logits

    def output_matrices(self) -> list[Tensor]:
        return [self.output.weight]
