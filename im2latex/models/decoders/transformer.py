"""Transformer decoder with a key-value cache: the decoder of the presets `fast-*` and `resnet-transformer-*`.

Sources: Vaswani et al. 2017 (arXiv 1706.03762); pre-norm layers of Xiong et al. 2020 (arXiv 2002.04745).
"""

from typing import Literal, cast

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn

from im2latex.models.decoders.base import Decoder, DecoderBaseParams, State
from im2latex.models.encoders.base import EncoderBaseParams
from im2latex.models.transformer_layers import (
    FeedForward,
    MultiHeadAttention,
    check_heads,
    sinusoidal_encoding,
    zero_parameters,
)

KeysValues = tuple[Tensor, Tensor]
"""Keys and values, each (B, heads, T or P, D / heads)."""


class TransformerDecoderParams(DecoderBaseParams):
    """Parameters of a transformer decoder."""

    name: Literal["transformer"]
    features: int = Field(ge=8, description="width D; that of the encoder's memory")
    heads: int = Field(ge=1, description="attention heads; divides features")
    layers: int = Field(ge=1, description="layers of self-attention, cross-attention and feed-forward")
    dropout: float = Field(ge=0, lt=1, description="dropout of embeddings and of each residual branch")
    expansion: int = Field(4, ge=1, description="inner width of a feed-forward, in features")
    norm: Literal["pre", "post"] = Field("pre", description="layer norm of a branch's input (pre) or of the sum (post)")
    tied: bool = Field(True, description="share the weights of embedding and output layer")

    @model_validator(mode="after")
    def _heads_divide_features(self) -> "TransformerDecoderParams":
        check_heads(self.features, self.heads)
        return self

    def conflict(self, encoder: EncoderBaseParams) -> str | None:
        if encoder.out_features != self.features:
            return f"decoder.features must be equal to the encoder's features ({self.features}, {encoder.out_features})"
        return None

    def build(self, vocabulary_size: int, encoder: EncoderBaseParams) -> "TransformerDecoder":  # noqa: ARG002
        return TransformerDecoder(self, vocabulary_size)


class DecoderLayer(nn.Module):
    """Residual branches of causal self-attention, cross-attention and feed-forward, with pre or post norm."""

    def __init__(self, params: TransformerDecoderParams) -> None:
        super().__init__()
        features = params.features
        self.pre_norm = params.norm == "pre"
        self.self_attention = MultiHeadAttention(features, params.heads)
        self.cross_attention = MultiHeadAttention(features, params.heads)
        self.feed_forward = FeedForward(features, params.expansion)
        self.norms = nn.ModuleList(nn.LayerNorm(features) for _ in range(3))
        self.dropout = nn.Dropout(params.dropout)

    def cross_attention_cache(self, memory: Tensor) -> KeysValues:
        """Keys and values of the memory (B, P, D), the same at every step."""
        return self.cross_attention.keys_values(memory)

    def reset_to_identity(self) -> None:
        """Zero the last layer of each residual branch; with pre norm the layer then returns its input."""
        zero_parameters(self.self_attention.output, self.cross_attention.output, self.feed_forward[-1])

    def forward(self, x: Tensor, memory: KeysValues, past: KeysValues | None) -> tuple[Tensor, KeysValues]:
        """Map x (B, T, D) to (B, T, D), with the self-attention cache; T is 1 where a `past` cache is given."""
        x, cache = self._self_attend(x, past)
        x = self._add(x, self.cross_attention(self._normalize(x, 1), *memory), 1)
        return self._add(x, self.feed_forward(self._normalize(x, 2)), 2), cache

    def attention_weights(self, x: Tensor, memory: KeysValues) -> Tensor:
        """Cross-attention weights (B, T, P) of the inputs x (B, T, D), the mean over heads."""
        x, _ = self._self_attend(x, None)
        return self.cross_attention.attention_weights(self._normalize(x, 1), memory[0]).mean(dim=1)

    def _self_attend(self, x: Tensor, past: KeysValues | None) -> tuple[Tensor, KeysValues]:
        normed = self._normalize(x, 0)
        keys, values = self.self_attention.keys_values(normed)
        if past is not None:
            keys, values = torch.cat([past[0], keys], dim=2), torch.cat([past[1], values], dim=2)
        return self._add(x, self.self_attention(normed, keys, values, causal=past is None), 0), (keys, values)

    def _normalize(self, x: Tensor, branch: int) -> Tensor:
        normed: Tensor = self.norms[branch](x) if self.pre_norm else x
        return normed

    def _add(self, x: Tensor, update: Tensor, branch: int) -> Tensor:
        total: Tensor = x + self.dropout(update)
        return total if self.pre_norm else self.norms[branch](total)


class TransformerDecoder(Decoder):
    """Decoder of `TransformerDecoderParams`."""

    def __init__(self, params: TransformerDecoderParams, vocabulary_size: int) -> None:
        super().__init__()
        self.features = params.features
        self.embedding = nn.Embedding(vocabulary_size, params.features)
        nn.init.normal_(self.embedding.weight, std=params.features**-0.5)
        self.layers = nn.ModuleList(DecoderLayer(params) for _ in range(params.layers))
        self.norm = nn.LayerNorm(params.features) if params.norm == "pre" else nn.Identity()
        self.output = None if params.tied else nn.Linear(params.features, vocabulary_size)
        self.dropout = nn.Dropout(params.dropout)

    def forward(
        self, memory: Tensor, tokens: Tensor, sample_mask: Tensor | None = None, need_weights: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """As `Decoder.forward`; the attention weights are those of the last layer.

        The sampled tokens are the best of a first pass over the given ones (Mihaylova and Martins 2019, arXiv
        1906.07651), since all positions are computed in parallel.
        """
        caches = [layer.cross_attention_cache(memory) for layer in self._decoder_layers]
        if sample_mask is not None:
            with torch.no_grad():
                best = self._score(self._run_layers(tokens, caches)[0]).argmax(dim=-1)
            tokens = torch.where(sample_mask, best.roll(1, dims=1), tokens)
        x, last_input = self._run_layers(tokens, caches)
        weights = self._decoder_layers[-1].attention_weights(last_input, caches[-1]) if need_weights else None
        return self._score(x), weights

    def initial_state(self, memory: Tensor) -> State:
        """Four tensors per layer: keys and values of the self-attention, with T = 0, and of the cross-attention."""
        state: State = []
        for layer in self._decoder_layers:
            keys, values = layer.cross_attention_cache(memory)
            state += [keys[:, :, :0], values[:, :, :0], keys, values]
        return state

    def step(self, state: State, tokens: Tensor) -> tuple[Tensor, State]:
        x = self._embed(tokens[:, None], state[0].shape[2])
        new_state: State = []
        for index, layer in enumerate(self._decoder_layers):
            keys, values, *memory = state[4 * index : 4 * index + 4]
            x, cache = layer(x, memory, (keys, values))
            new_state += [*cache, *memory]
        return self._score(x)[:, 0], new_state

    def output_matrices(self) -> list[Tensor]:
        return [] if self.output is None else [self.output.weight]

    @property
    def _decoder_layers(self) -> list[DecoderLayer]:
        """The layers, typed: `nn.ModuleList` yields plain modules."""
        return cast(list[DecoderLayer], list(self.layers))

    def _run_layers(self, tokens: Tensor, caches: list[KeysValues]) -> tuple[Tensor, Tensor]:
        """The output of the last layer and its input, each (B, T, D)."""
        x = last_input = self.dropout(self._embed(tokens, 0))
        for layer, memory in zip(self._decoder_layers, caches, strict=True):
            last_input = x
            x, _ = layer(x, memory, None)
        return x, last_input

    def _embed(self, tokens: Tensor, offset: int) -> Tensor:
        """Embeddings (B, T, D) of tokens at the positions from `offset` on."""
        positions = sinusoidal_encoding(offset + tokens.shape[1], self.features, tokens.device)[offset:]
        return self.embedding(tokens) * self.features**0.5 + positions  # type: ignore[no-any-return]

    def _score(self, x: Tensor) -> Tensor:
        normed: Tensor = self.norm(x)
        if self.output is not None:
            logits: Tensor = self.output(normed)
            return logits
        return F.linear(normed, self.embedding.weight)
