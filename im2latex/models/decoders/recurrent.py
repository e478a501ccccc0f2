"""What the decoders that go from token to token have in common: embeddings, LSTM cells, attention, the loop.

The loop is over tokens only. All that does not depend on the state is computed before it (keys of the attention,
the first cell's gates of all embeddings) or after it (the scores of all places).
"""

from abc import abstractmethod
from typing import NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from im2latex.models.decoders.attention import AttentionParams, build_attending
from im2latex.models.decoders.base import Decoder, DecoderSettings, State
from im2latex.models.decoders.initial_state import Beginning, BeginningParams
from im2latex.models.decoders.lstm import LstmCell
from im2latex.models.encoders.base import EncoderSettings


class RecurrentParams(DecoderSettings):
    """Sizes of a recurrent decoder."""

    embedding: int = Field(ge=1, description="width of the embedding of a token")
    units: tuple[int, ...] = Field(min_length=1, description="widths of the LSTM layers")
    peephole: bool = Field(description="show the gates their cell")
    attention: AttentionParams = Field(description="how the decoder looks at the memory")
    start: BeginningParams = Field(description="how the first states come about")

    def conflict(self, encoder: EncoderSettings) -> str | None:
        """Why this decoder cannot read the memory of that encoder, or None where it can."""
        asking = {"attention mlp": self.attention.name == "mlp", "start from all": self.start.source == "all"}
        wanting = [name for name, wanted in asking.items() if wanted]
        if wanting and encoder.positions is None:
            return f"decoder with {' and '.join(wanting)} needs images of one size; give the encoder a page"
        return None


class Word(NamedTuple):
    """A token as a step reads it: its embedding (B, E) and that one's share of the first cell's gates (B, 4 N)."""

    embedded: Tensor
    gates: Tensor


class RecurrentDecoder(Decoder):
    """The loop; its heirs say what one step does.

    The state holds the memory, the keys, hidden state and cell of each layer, then what `more` asks for.
    """

    def __init__(
        self, params: RecurrentParams, vocabulary: int, encoder: EncoderSettings, fed: int, more: tuple[int, ...] = ()
    ) -> None:
        """`fed` is the width of what the first cell reads beside the token, `more` the widths of further states."""
        super().__init__()
        first, *later = params.units
        self.embedding = nn.Embedding(vocabulary, params.embedding)
        nn.init.normal_(self.embedding.weight, std=params.embedding**-0.5)
        self.project = nn.Linear(params.embedding, 4 * first)
        self.attending = build_attending(params.attention, params.units[-1], encoder.width, encoder.positions)
        cells = [LstmCell(fed, first, params.peephole, bias=False)]
        for below, units in zip(params.units, later, strict=False):
            cells.append(LstmCell(below, units, params.peephole))
        self.cells = nn.ModuleList(cells)
        sizes = [units for units in params.units for _ in range(2)]
        self.beginning = Beginning(params.start, [*sizes, *more], encoder.width, encoder.positions)

    @abstractmethod
    def advance(self, state: State, word: Word) -> tuple[Tensor, Tensor, State]:
        """One step: what `score` needs (B, F), the weights of the attention (B, P) and the new state."""

    @abstractmethod
    def score(self, told: Tensor) -> Tensor:
        """Logits (..., V) from what `advance` told (..., F)."""

    def forward(
        self, memory: Tensor, tokens: Tensor, replaced: Tensor | None = None, attention: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Memory (B, P, D) and tokens (B, T) to logits (B, T, V) and, if asked for, attention (B, T, P)."""
        embedded, gates = self.read(tokens)
        state = self.start(memory)
        told, looked = list[Tensor](), list[Tensor]()
        for place in range(tokens.shape[1]):
            word = Word(embedded[:, place], gates[:, place])
            if replaced is not None and place:
                best = self.score(told[-1]).argmax(dim=-1)
                word = self.read(torch.where(replaced[:, place], best, tokens[:, place]))
            found, weights, state = self.advance(state, word)
            told.append(found)
            looked += [weights] if attention else []
        return self.score(torch.stack(told, dim=1)), torch.stack(looked, dim=1) if attention else None

    def start(self, memory: Tensor) -> State:
        """The state before the first token."""
        return [memory, self.attending.keys(memory), *self.beginning(memory)]

    def step(self, state: State, tokens: Tensor) -> tuple[Tensor, State]:
        """One token (B,) further: logits (B, V) of the next, and the new state."""
        told, _, state = self.advance(state, self.read(tokens))
        return self.score(told), state

    def read(self, tokens: Tensor) -> Word:
        """Tokens (B,) or (B, T), looked up."""
        embedded = self.embedding(tokens)
        return Word(embedded, self.project(embedded))

    def climb(self, fed: Tensor, gates: Tensor, states: State) -> State:
        """Through all LSTM layers: hidden state and cell of each, one step on."""
        after: State = []
        for index, cell in enumerate(self.cells):
            x = fed if index == 0 else after[-2]
            after += cell(x, states[2 * index], states[2 * index + 1], gates if index == 0 else None)
        return after


def glimpse(weights: Tensor, memory: Tensor) -> Tensor:
    """The mean (B, D) of the memory (B, P, D) under weights (B, P)."""
    return torch.bmm(weights[:, None], memory).squeeze(1)
