"""Transformer layers with a cache: the decoder of the presets `fast` and `resnet-transformer`.

Sources: Vaswani et al. 2017 (arXiv 1706.03762); layers normalized first as in Xiong et al. 2020 (arXiv 2002.04745).
"""

from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn

from im2latex.models.decoders.base import Decoder, DecoderSettings, State
from im2latex.models.encoders.base import EncoderSettings
from im2latex.models.encoders.positional_encoding import sinusoids
from im2latex.models.multihead_attention import Attention, FeedForward, zero_parameters


class TransformerDecoderParams(DecoderSettings):
    """Transformer layers; with `tied`, the embedding is also the output matrix."""

    name: Literal["transformer"]
    features: int = Field(ge=8, description="width D; that of the encoder's memory")
    heads: int = Field(ge=1, description="attention heads; divides features")
    layers: int = Field(ge=1, description="layers of self-attention, cross-attention and feed-forward")
    dropout: float = Field(ge=0, lt=1, description="dropout of embeddings and of each residual branch")
    expansion: int = Field(4, ge=1, description="inner width of a feed-forward, in features")
    norm: Literal["first", "last"] = Field("first", description="normalize what a branch reads, or its sum with it")
    tied: bool = Field(True, description="score tokens by their embeddings")

    @model_validator(mode="after")
    def _heads_divide_features(self) -> "TransformerDecoderParams":
        if self.features % self.heads:
            raise ValueError(f"features must be a multiple of heads ({self.features}, {self.heads})")
        return self

    def conflict(self, encoder: EncoderSettings) -> str | None:
        """Why this decoder cannot read the memory of that encoder, or None where it can."""
        if encoder.width != self.features:
            return f"decoder.features must be equal to the encoder's features ({self.features}, {encoder.width})"
        return None


class DecoderLayer(nn.Module):
    """Self-attention, cross-attention, feed-forward: each added to its input, and normalized before or after."""

    def __init__(self, params: TransformerDecoderParams) -> None:
        super().__init__()
        features = params.features
        self.first = params.norm == "first"
        self.own = Attention(features, params.heads)
        self.cross = Attention(features, params.heads)
        self.feed = FeedForward(features, params.expansion)
        self.norms = nn.ModuleList(nn.LayerNorm(features) for _ in range(3))
        self.dropout = nn.Dropout(params.dropout)

    def remember(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """The memory (B, P, D) as this layer attends to it."""
        return self.cross.keys_values(memory)

    def reset_to_identity(self) -> None:
        """Zero the outputs of the residual branches; with `norm: first` the layer then returns its input."""
        zero_parameters(self.own.output, self.cross.output, self.feed[-1])

    def forward(
        self, x: Tensor, memory: tuple[Tensor, Tensor], past: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """(B, T, D) and the cross keys and values to (B, T, D) and the own ones; with `past`, T is 1."""
        x, own = self._recall(x, past)
        x = self._add(x, self.cross(self._read(x, 1), *memory), 1)
        return self._add(x, self.feed(self._read(x, 2)), 2), own

    def look(self, x: Tensor, memory: tuple[Tensor, Tensor]) -> Tensor:
        """How much of each position enters each row of (B, T, D): (B, T, P), the mean over heads."""
        x, _ = self._recall(x, None)
        return self.cross.weights(self._read(x, 1), memory[0]).mean(dim=1)

    def _recall(self, x: Tensor, past: tuple[Tensor, Tensor] | None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        normed = self._read(x, 0)
        own = self.own.keys_values(normed)
        if past is not None:
            own = (torch.cat([past[0], own[0]], dim=2), torch.cat([past[1], own[1]], dim=2))
        return self._add(x, self.own(normed, *own, causal=past is None), 0), own

    def _read(self, x: Tensor, branch: int) -> Tensor:
        normed: Tensor = self.norms[branch](x) if self.first else x
        return normed

    def _add(self, x: Tensor, update: Tensor, branch: int) -> Tensor:
        total: Tensor = x + self.dropout(update)
        return total if self.first else self.norms[branch](total)


class TransformerDecoder(Decoder):
    """See `TransformerDecoderParams`."""

    def __init__(self, params: TransformerDecoderParams, vocabulary: int) -> None:
        super().__init__()
        self.features = params.features
        self.embedding = nn.Embedding(vocabulary, params.features)
        nn.init.normal_(self.embedding.weight, std=params.features**-0.5)
        self.layers = [DecoderLayer(params) for _ in range(params.layers)]
        self.stack = nn.ModuleList(self.layers)
        self.norm = nn.LayerNorm(params.features) if params.norm == "first" else nn.Identity()
        self.output = None if params.tied else nn.Linear(params.features, vocabulary)
        self.dropout = nn.Dropout(params.dropout)

    def forward(
        self, memory: Tensor, tokens: Tensor, replaced: Tensor | None = None, attention: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Memory (B, P, D) and tokens (B, T) to logits (B, T, V) and, if asked for, attention (B, T, P).

        A replaced token is the best guess of a first pass over the given ones (Mihaylova and Martins 2019, arXiv
        1906.07651): all places are read at once, so that none can wait for the one before. The attention is that
        of the last layer.
        """
        remembered = [layer.remember(memory) for layer in self.layers]
        if replaced is not None:
            with torch.no_grad():
                best = self._score(self._climb(tokens, remembered)[0]).argmax(dim=-1)
            tokens = torch.where(replaced, best.roll(1, dims=1), tokens)
        x, below = self._climb(tokens, remembered)
        return self._score(x), self.layers[-1].look(below, remembered[-1]) if attention else None

    def _climb(self, tokens: Tensor, remembered: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        """Through all layers: what leaves the last, and what entered it."""
        x = below = self.dropout(self._embed(tokens, 0))
        for layer, memory in zip(self.layers, remembered, strict=True):
            below = x
            x, _ = layer(x, memory, None)
        return x, below

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
        normed: Tensor = self.norm(x)
        if self.output is not None:
            logits: Tensor = self.output(normed)
            return logits
        return F.linear(normed, self.embedding.weight)

    def output_matrices(self) -> list[Tensor]:
        """The matrix of the scores, where it is not the embedding."""
        return [] if self.output is None else [self.output.weight]
