"""Base of the recurrent decoders: embeddings, LSTM cells, initial state, attention, and the loop over tokens.

Everything that does not depend on the state is computed before the loop (keys of the attention, the first cell's gates
of all embeddings) or after it (the logits of all positions). N is the width of an LSTM layer.
"""

from abc import abstractmethod
from itertools import pairwise
from typing import Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from im2latex.config import Params
from im2latex.models.decoders.attention import AttentionParams, FlattenedLinear, build_attention
from im2latex.models.decoders.base import Decoder, DecoderBaseParams, State
from im2latex.models.encoders.base import EncoderBaseParams


class InitialStateParams(Params):
    """Parameters of the initial hidden state."""

    source: Literal["zeros", "mean", "all"] = Field(
        description="zeros; or a tanh layer over the mean of all positions, or over the features of all positions"
    )
    hidden: int = Field(ge=0, description="width of a tanh layer before that one; 0 for none")
    equalized: bool = Field(default=False, description="equalized learning rate of the layer over all positions")


class RecurrentDecoderParams(DecoderBaseParams):
    """Parameters that the recurrent decoders share."""

    embedding: int = Field(ge=1, description="width of the token embeddings")
    units: tuple[int, ...] = Field(min_length=1, description="widths of the LSTM layers")
    peephole: bool = Field(description="LSTM cells with peephole connections")
    attention: AttentionParams = Field(description="attention over the memory")
    initial_state: InitialStateParams = Field(description="initial hidden state")

    def conflict(self, encoder: EncoderBaseParams) -> str | None:
        fixed = {"attention mlp": self.attention.name == "mlp", "initial_state all": self.initial_state.source == "all"}
        names = [name for name, is_set in fixed.items() if is_set]
        if names and encoder.num_positions is None:
            return f"decoder with {' and '.join(names)} needs images of one size; set the encoder's image_size"
        return None


class LstmCell(nn.Module):
    """LSTM cell with optional peephole connections, which PyTorch's cell lacks.

    Forget gate of Gers et al. 2000, peepholes of Gers et al. 2002: input and forget gate see the previous cell state,
    the output gate the new one, each weighted feature by feature. The forget gate has a bias of 1 (Jozefowicz et al.
    2015, section 4.1).
    """

    def __init__(self, inputs: int, units: int, peephole: bool, bias: bool = True) -> None:
        super().__init__()
        self.units = units
        self.gates = nn.Linear(inputs + units, 4 * units, bias=bias)
        nn.init.xavier_uniform_(self.gates.weight)
        if bias:
            nn.init.zeros_(self.gates.bias)
        self.peepholes = nn.Parameter(torch.zeros(3 * units)) if peephole else None

    def forward(
        self, x: Tensor, hidden: Tensor, cell: Tensor, extra_gates: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Input (B, inputs), hidden and cell state (B, N) to the next hidden and cell state.

        `extra_gates` (B, 4 N) are added to the gates: the contribution of other inputs, computed in advance.
        """
        gates = self.gates(torch.cat([x, hidden], dim=1))
        gates = gates if extra_gates is None else gates + extra_gates
        input_gate, forget_gate, output_gate, candidate = gates.chunk(4, dim=1)
        if self.peepholes is not None:
            input_peephole, forget_peephole, output_peephole = self.peepholes.chunk(3)
            input_gate, forget_gate = input_gate + input_peephole * cell, forget_gate + forget_peephole * cell
        cell = (forget_gate + 1).sigmoid() * cell + input_gate.sigmoid() * candidate.tanh()
        if self.peepholes is not None:
            output_gate = output_gate + output_peephole * cell
        return output_gate.sigmoid() * cell.tanh(), cell


class InitialState(nn.Module):
    """Initial hidden state of the recurrent decoders (Xu et al. 2015, arXiv 1502.03044, section 3.1.2).

    `sizes` are the widths of the states to compute.
    """

    def __init__(self, params: InitialStateParams, sizes: list[int], width: int, positions: int | None) -> None:
        super().__init__()
        self.source, self.sizes = params.source, sizes
        widths = [params.hidden, sum(sizes)] if params.hidden else [sum(sizes)]
        if params.source == "all":
            assert positions is not None, "checked by RecurrentDecoderParams.conflict"
            first: nn.Module = FlattenedLinear(positions, width, widths[0], params.equalized)
        else:
            first = nn.Linear(width, widths[0])
        layers = [first, nn.Tanh()]
        for inputs, outputs in pairwise(widths):
            layers += [nn.Linear(inputs, outputs), nn.Tanh()]
        self.layers = nn.Sequential(*layers) if params.source != "zeros" else None

    def forward(self, memory: Tensor) -> list[Tensor]:
        """Compute one state (B, size) for each size from the memory (B, P, D)."""
        if self.layers is None:
            return [memory.new_zeros(len(memory), size) for size in self.sizes]
        features = memory.mean(dim=1) if self.source == "mean" else memory
        return list(torch.split(self.layers(features), self.sizes, dim=1))


class TokenInput(NamedTuple):
    """An embedded token (B, E) and its contribution (B, 4 N) to the gates of the first cell."""

    embedding: Tensor
    gates: Tensor


class RecurrentDecoder(Decoder):
    """The loop over tokens; subclasses define one step.

    A state holds the memory, the keys, hidden and cell state of each layer, then the `extra_states`.
    """

    def __init__(
        self,
        params: RecurrentDecoderParams,
        vocabulary_size: int,
        encoder: EncoderBaseParams,
        input_width: int,
        extra_states: tuple[int, ...] = (),
    ) -> None:
        """`input_width`: width of the first cell's input besides the token; `extra_states`: widths of more states."""
        super().__init__()
        width, positions = encoder.out_features, encoder.num_positions
        first, *later = params.units
        self.embedding = nn.Embedding(vocabulary_size, params.embedding)
        nn.init.normal_(self.embedding.weight, std=params.embedding**-0.5)
        self.token_gates = nn.Linear(params.embedding, 4 * first)
        self.attention = build_attention(params.attention, params.units[-1], width, positions)
        cells = [LstmCell(input_width, first, params.peephole, bias=False)]
        for inputs, units in zip(params.units, later, strict=False):
            cells.append(LstmCell(inputs, units, params.peephole))
        self.cells = nn.ModuleList(cells)
        sizes = [units for units in params.units for _ in range(2)]
        self.state_init = InitialState(params.initial_state, [*sizes, *extra_states], width, positions)

    @abstractmethod
    def advance(self, state: State, token: TokenInput) -> tuple[Tensor, Tensor, State]:
        """Run one step: its output (B, F), the attention weights (B, P) and the new state."""

    @abstractmethod
    def score(self, output: Tensor) -> Tensor:
        """Logits (..., V) of outputs (..., F) of `advance`."""

    def forward(
        self, memory: Tensor, tokens: Tensor, sample_mask: Tensor | None = None, need_weights: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        embeddings, gates = self.embed(tokens)
        state = self.initial_state(memory)
        outputs, attention = list[Tensor](), list[Tensor]()
        for position in range(tokens.shape[1]):
            token = TokenInput(embeddings[:, position], gates[:, position])
            if sample_mask is not None and position:
                best = self.score(outputs[-1]).argmax(dim=-1)
                token = self.embed(torch.where(sample_mask[:, position], best, tokens[:, position]))
            output, weights, state = self.advance(state, token)
            outputs.append(output)
            attention += [weights] if need_weights else []
        return self.score(torch.stack(outputs, dim=1)), torch.stack(attention, dim=1) if need_weights else None

    def initial_state(self, memory: Tensor) -> State:
        return [memory, self.attention.keys(memory), *self.state_init(memory)]

    def step(self, state: State, tokens: Tensor) -> tuple[Tensor, State]:
        output, _, state = self.advance(state, self.embed(tokens))
        return self.score(output), state

    def embed(self, tokens: Tensor) -> TokenInput:
        """Embed tokens (B,) or (B, T)."""
        embedding = self.embedding(tokens)
        return TokenInput(embedding, self.token_gates(embedding))

    def run_layers(self, x: Tensor, gates: Tensor, states: State) -> State:
        """Run all LSTM layers for one step on the input x (B, input_width); returns their hidden and cell states."""
        new_states: State = []
        for index, cell in enumerate(self.cells):
            inputs = x if index == 0 else new_states[-2]
            new_states += cell(inputs, states[2 * index], states[2 * index + 1], gates if index == 0 else None)
        return new_states
