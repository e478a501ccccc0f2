"""First step, then look: the decoder of Luong et al. 2015 (arXiv 1508.04025), as Deng et al. 2016 use it.

The state after a step decides where to look; state and what is seen make an output vector, which scores the next
token and is fed to the LSTM with it.
"""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from im2latex.models.decoders.base import State
from im2latex.models.decoders.recurrent import RecurrentDecoder, RecurrentParams, Word, glimpse
from im2latex.models.encoders.base import EncoderSettings


class InputFeedingDecoderParams(RecurrentParams):
    """A recurrent decoder that steps before it looks."""

    name: Literal["input-feeding"]
    output: int = Field(ge=1, description="width of the output vector")
    dropout: float = Field(ge=0, lt=1, description="share of the state's and the output vector's features silenced")


class InputFeedingDecoder(RecurrentDecoder):
    """See `InputFeedingDecoderParams`."""

    def __init__(self, params: InputFeedingDecoderParams, vocabulary: int, encoder: EncoderSettings) -> None:
        super().__init__(params, vocabulary, encoder, fed=params.output, more=(params.output,))
        self.combine = nn.Linear(params.units[-1] + encoder.width, params.output, bias=False)
        self.output = nn.Linear(params.output, vocabulary)
        self.dropout = nn.Dropout(params.dropout)

    def advance(self, state: State, word: Word) -> tuple[Tensor, Tensor, State]:
        """One step: move the state, then look from it."""
        memory, keys, *states, fed = state
        states = self.climb(fed, word.gates, states)
        moved = self.dropout(states[-2])
        weights = self.attending(moved, keys)
        told = self.dropout(self.combine(torch.cat([moved, glimpse(weights, memory)], dim=1)).tanh())
        return told, weights, [memory, keys, *states, told]

    def score(self, told: Tensor) -> Tensor:
        """Logits (..., V)."""
        logits: Tensor = self.output(told)
        return logits

    def output_matrices(self) -> list[Tensor]:
        """The matrix of the scores."""
        return [self.output.weight]
