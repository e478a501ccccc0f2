"""Memory to tokens: the decoders, chosen by name.

Every decoder offers two readings of the same function: `forward` scores whole sequences at once for training, and
`start` and `step` score one more token from a state for search. A state is a list of tensors whose first dimension
is B, so that a search may drop, repeat and reorder its rows without knowing what they mean.
"""

from abc import ABC, abstractmethod
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from im2latex.learning.attention import Attention, FeedForward
from im2latex.learning.encoder import sinusoids
from im2latex.params import Params

State = list[Tensor]


class TransformerDecoderParams(Params):
    """Pre-norm transformer layers; the embedding is also the output matrix."""

    name: Literal["transformer"]
    features: int = Field(ge=8, description="width D; that of the encoder's memory")
    heads: int = Field(ge=1, description="attention heads; divides features")
    layers: int = Field(ge=1, description="layers of self-attention, cross-attention and feed-forward")
    dropout: float = Field(ge=0, lt=1, description="dropout of embeddings and of each residual branch")


DecoderParams = TransformerDecoderParams
"""Every known decoder; a second one makes this a union told apart by `name`."""


class Decoder(nn.Module, ABC):
    """What every decoder offers."""

    @abstractmethod
    def forward(self, memory: Tensor, tokens: Tensor) -> Tensor:
        """Memory (B, P, D) and tokens (B, T) to logits (B, T, V): row t scores what follows token t."""

    @abstractmethod
    def start(self, memory: Tensor) -> State:
        """The state before the first token."""

    @abstractmethod
    def step(self, state: State, tokens: Tensor) -> tuple[Tensor, State]:
        """One token (B,) further: logits (B, V) of the next, and the new state."""


class DecoderLayer(nn.Module):
    """Self-attention, cross-attention, feed-forward; each normalized first and added to its input."""

    def __init__(self, features: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.own = Attention(features, heads)
        self.cross = Attention(features, heads)
        self.feed = FeedForward(features, 4)
        self.norms = nn.ModuleList(nn.LayerNorm(features) for _ in range(3))
        self.dropout = nn.Dropout(dropout)

    def remember(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """The memory (B, P, D) as this layer attends to it."""
        return self.cross.keys_values(memory)

    def forward(
        self, x: Tensor, memory: tuple[Tensor, Tensor], past: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """(B, T, D) and the cross keys and values to (B, T, D) and the own ones; with `past`, T is 1."""
        normed = self.norms[0](x)
        own = self.own.keys_values(normed)
        if past is not None:
            own = (torch.cat([past[0], own[0]], dim=2), torch.cat([past[1], own[1]], dim=2))
        x = x + self.dropout(self.own(normed, *own, causal=past is None))
        x = x + self.dropout(self.cross(self.norms[1](x), *memory))
        return x + self.dropout(self.feed(self.norms[2](x))), own


class TransformerDecoder(Decoder):
    """See `TransformerDecoderParams`."""

    def __init__(self, params: TransformerDecoderParams, vocabulary: int) -> None:
        super().__init__()
        self.features = params.features
        self.embedding = nn.Embedding(vocabulary, params.features)
        nn.init.normal_(self.embedding.weight, std=params.features**-0.5)
        self.layers = [DecoderLayer(params.features, params.heads, params.dropout) for _ in range(params.layers)]
        self.stack = nn.ModuleList(self.layers)
        self.norm = nn.LayerNorm(params.features)
        self.dropout = nn.Dropout(params.dropout)

    def forward(self, memory: Tensor, tokens: Tensor) -> Tensor:
        """Memory (B, P, D) and tokens (B, T) to logits (B, T, V): row t scores what follows token t."""
        x = self.dropout(self._embed(tokens, 0))
        for layer in self.layers:
            x, _ = layer(x, layer.remember(memory), None)
        return self._score(x)

    def start(self, memory: Tensor) -> State:
        """The state before the first token, four tensors a layer: own keys and values, those of the memory."""
        state: State = []
        for layer in self.layers:
            keys, values = layer.remember(memory)
            state += [keys[:, :, :0], values[:, :, :0], keys, values]
        return state

    def step(self, state: State, tokens: Tensor) -> tuple[Tensor, State]:
        """One token (B,) further: logits (B, V) of the next, and the new state."""
        x = self._embed(tokens[:, None], state[0].shape[2])
        after: State = []
        for index, layer in enumerate(self.layers):
            keys, values, *memory = state[4 * index : 4 * index + 4]
            x, own = layer(x, memory, (keys, values))
            after += [*own, *memory]
        return self._score(x)[:, 0], after

    def _embed(self, tokens: Tensor, before: int) -> Tensor:
        length = before + tokens.shape[1]
        places = sinusoids(length, self.features, tokens.device)[before:]
        return self.embedding(tokens) * self.features**0.5 + places  # type: ignore[no-any-return]

    def _score(self, x: Tensor) -> Tensor:
        return F.linear(self.norm(x), self.embedding.weight)


DECODERS = {"transformer": TransformerDecoder}


def build_decoder(params: DecoderParams, vocabulary: int) -> Decoder:
    """The decoder that `params.name` names for `vocabulary` tokens, freshly initialized."""
    return DECODERS[params.name](params, vocabulary)
