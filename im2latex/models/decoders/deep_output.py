"""First look, then step: the decoder of Singh 2018 (arXiv 1802.05415), after Xu et al. 2015 (arXiv 1502.03044).

The state before a step decides where to look; what is seen enters the LSTM beside the token. A deep output (Pascanu
et al. 2014) then scores the next token from the LSTM's state and, by skips, from the token and what was seen.
"""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from im2latex.models.decoders.base import State
from im2latex.models.decoders.recurrent import RecurrentDecoder, RecurrentParams, Word, glimpse
from im2latex.models.encoders.base import EncoderSettings


class DeepOutputDecoderParams(RecurrentParams):
    """A recurrent decoder that looks before it steps."""

    name: Literal["deep-output"]
    output: tuple[int, ...] = Field(description="widths of the layers of tanh before the scores")
    skips: bool = Field(description="lead the token and what was seen around the LSTM to the output")


class DeepOutputDecoder(RecurrentDecoder):
    """See `DeepOutputDecoderParams`."""

    def __init__(self, params: DeepOutputDecoderParams, vocabulary: int, encoder: EncoderSettings) -> None:
        super().__init__(params, vocabulary, encoder, fed=encoder.width)
        self.skips = params.skips
        before = params.units[-1] + (params.embedding + encoder.width if params.skips else 0)
        layers: list[nn.Module] = []
        for width in params.output:
            layers += [nn.Linear(before, width), nn.Tanh()]
            before = width
        self.hidden = nn.Sequential(*layers)
        self.output = nn.Linear(before, vocabulary)

    def advance(self, state: State, word: Word) -> tuple[Tensor, Tensor, State]:
        """One step: look from the state as it is, then move it."""
        memory, keys, *states = state
        weights = self.attending(states[-2], keys)
        seen = glimpse(weights, memory)
        states = self.climb(seen, word.gates, states)
        told = torch.cat([word.embedded, states[-2], seen], dim=1) if self.skips else states[-2]
        return told, weights, [memory, keys, *states]

    def score(self, told: Tensor) -> Tensor:
        """Logits (..., V)."""
        logits: Tensor = self.output(self.hidden(told))
        return logits

    def output_matrices(self) -> list[Tensor]:
        """The matrix of the scores."""
        return [self.output.weight]
