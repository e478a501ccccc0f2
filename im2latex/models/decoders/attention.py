"""Attention of a recurrent decoder: one hidden state over all grid positions. The key `name` selects the kind.

What does not depend on the hidden state, the `keys`, is computed once per image. N is the width of the hidden state.
"""

from abc import ABC, abstractmethod
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from im2latex.config import Params


class GeneralAttentionParams(Params):
    """Parameters of a bilinear form of hidden state and position (Luong et al. 2015, arXiv 1508.04025, "general")."""

    name: Literal["general"]


class AdditiveAttentionParams(Params):
    """Parameters of a tanh layer over hidden state and position (Bahdanau et al. 2015, arXiv 1409.0473)."""

    name: Literal["additive"]
    features: int = Field(ge=1, description="width of the layer")


class MlpAttentionParams(Params):
    """Parameters of tanh layers over the hidden state and all positions at once (Singh 2018, arXiv 1802.05415)."""

    name: Literal["mlp"]
    hidden: tuple[int, ...] = Field(
        min_length=1, description="widths of the layers before the last, which has one output per grid position"
    )
    equalized: bool = Field(default=False, description="equalized learning rate of the layer over all positions")
    mask_padding: bool = Field(
        default=False, description="no attention to positions of zeros, the padding up to the encoder's image_size"
    )


PADDING_SCORE = -1e4
"""Added to the score of a masked position. It is finite: a memory of zeros alone still has attention weights."""

AttentionParams = Annotated[
    GeneralAttentionParams | AdditiveAttentionParams | MlpAttentionParams, Field(discriminator="name")
]
"""Parameters of any attention, discriminated by `name`."""


class Attention(nn.Module, ABC):
    """Base of the attention modules."""

    @abstractmethod
    def keys(self, memory: Tensor) -> Tensor:
        """The part of the computation that depends on the memory (B, P, D) alone; its first dimension is B."""

    @abstractmethod
    def forward(self, hidden: Tensor, keys: Tensor) -> Tensor:
        """Attention weights (B, P), with sum 1, of the hidden state (B, N)."""


class FlattenedLinear(nn.Linear):
    """Linear layer over the features of all positions (B, P, D), flattened.

    `equalized` divides the features by the square root of their number, and starts with weights that are larger by the
    same factor (Karras et al. 2018, arXiv 1710.10196, section 4.1). The layer is the same at first, but a step of the
    optimizer changes its output less.
    """

    def __init__(self, positions: int, width: int, outputs: int, equalized: bool) -> None:
        self.factor = (positions * width) ** -0.5 if equalized else 1.0
        super().__init__(positions * width, outputs)

    def reset_parameters(self) -> None:
        super().reset_parameters()
        with torch.no_grad():
            self.weight /= self.factor

    def forward(self, memory: Tensor) -> Tensor:
        return super().forward(memory.flatten(1) * self.factor)


class GeneralAttention(Attention):
    """Attention of `GeneralAttentionParams`, without biases; keys (B, P, N)."""

    def __init__(self, hidden: int, width: int) -> None:
        super().__init__()
        self.memory_projection = nn.Linear(width, hidden, bias=False)

    def keys(self, memory: Tensor) -> Tensor:
        keys: Tensor = self.memory_projection(memory)
        return keys

    def forward(self, hidden: Tensor, keys: Tensor) -> Tensor:
        return torch.bmm(keys, hidden[:, :, None]).squeeze(2).softmax(dim=1)


class AdditiveAttention(Attention):
    """Attention of `AdditiveAttentionParams`, without biases; keys (B, P, features)."""

    def __init__(self, params: AdditiveAttentionParams, hidden: int, width: int) -> None:
        super().__init__()
        self.memory_projection = nn.Linear(width, params.features, bias=False)
        self.hidden_projection = nn.Linear(hidden, params.features, bias=False)
        self.score = nn.Parameter(torch.empty(params.features).uniform_(-1, 1) * params.features**-0.5)

    def keys(self, memory: Tensor) -> Tensor:
        keys: Tensor = self.memory_projection(memory)
        return keys

    def forward(self, hidden: Tensor, keys: Tensor) -> Tensor:
        scores: Tensor = (keys + self.hidden_projection(hidden)[:, None]).tanh() @ self.score
        return scores.softmax(dim=1)


class MlpAttention(Attention):
    """Attention of `MlpAttentionParams`.

    Its keys (B, first hidden width + P) are the memory's part of the first layer, then what is added to the scores.
    """

    def __init__(self, params: MlpAttentionParams, hidden: int, width: int, positions: int) -> None:
        super().__init__()
        first, *more = params.hidden
        self.memory_projection = FlattenedLinear(positions, width, first, params.equalized)
        self.hidden_projection = nn.Linear(hidden, first, bias=False)
        layers: list[nn.Module] = [nn.Tanh()]
        for inputs, outputs in zip(params.hidden, more, strict=False):
            layers += [nn.Linear(inputs, outputs), nn.Tanh()]
        self.layers = nn.Sequential(*layers, nn.Linear(params.hidden[-1], positions))
        self.padding_score = PADDING_SCORE if params.mask_padding else 0.0
        self.key_widths = [first, positions]

    def keys(self, memory: Tensor) -> Tensor:
        offsets = self.padding_score * (memory == 0).all(dim=2).to(memory.dtype)
        return torch.cat([self.memory_projection(memory), offsets], dim=1)

    def forward(self, hidden: Tensor, keys: Tensor) -> Tensor:
        projected, offsets = torch.split(keys, self.key_widths, dim=1)
        scores: Tensor = self.layers(projected + self.hidden_projection(hidden)) + offsets
        return scores.softmax(dim=1)


def build_attention(params: AttentionParams, hidden: int, width: int, positions: int | None) -> Attention:
    """The attention of `params`, of hidden states (B, `hidden`) over a memory (B, `positions`, `width`)."""
    match params:
        case GeneralAttentionParams():
            return GeneralAttention(hidden, width)
        case AdditiveAttentionParams():
            return AdditiveAttention(params, hidden, width)
        case MlpAttentionParams():
            assert positions is not None, "checked by RecurrentDecoderParams.conflict"
            return MlpAttention(params, hidden, width, positions)


def context_vector(weights: Tensor, memory: Tensor) -> Tensor:
    """The mean (B, D) of the memory (B, P, D) with the attention weights (B, P)."""
    return torch.bmm(weights[:, None], memory).squeeze(1)
