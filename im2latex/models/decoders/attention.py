"""Where to look: the kinds of attention of one state over all grid positions, chosen by name.

Each is split so that whatever does not depend on the state, its `keys`, is computed once an image.
"""

from abc import ABC, abstractmethod
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from im2latex.config import Params


class GeneralParams(Params):
    """A bilinear form of state and position (Luong et al. 2015, arXiv 1508.04025, "general")."""

    name: Literal["general"]


class AdditiveParams(Params):
    """A layer of tanh over state and position (Bahdanau et al. 2015, arXiv 1409.0473)."""

    name: Literal["additive"]
    features: int = Field(ge=1, description="width of the layer")


class MlpParams(Params):
    """Layers of tanh over the state and the features of all positions at once (Singh 2018, arXiv 1802.05415)."""

    name: Literal["mlp"]
    hidden: tuple[int, ...] = Field(min_length=1, description="widths of the layers before the one with P outputs")


AttentionParams = Annotated[GeneralParams | AdditiveParams | MlpParams, Field(discriminator="name")]
"""The params of every kind of attention, told apart by `name`."""


class Attending(nn.Module, ABC):
    """Weights over the P positions of a memory for one state."""

    @abstractmethod
    def keys(self, memory: Tensor) -> Tensor:
        """What of the memory (B, P, D) the weights depend on; B comes first."""

    @abstractmethod
    def forward(self, state: Tensor, keys: Tensor) -> Tensor:
        """The state (B, N) and the keys to weights (B, P) whose rows sum to 1."""


class General(Attending):
    """See `GeneralParams`; without biases."""

    def __init__(self, state: int, width: int) -> None:
        super().__init__()
        self.form = nn.Linear(width, state, bias=False)

    def keys(self, memory: Tensor) -> Tensor:
        """(B, P, D) to (B, P, N)."""
        keys: Tensor = self.form(memory)
        return keys

    def forward(self, state: Tensor, keys: Tensor) -> Tensor:
        """(B, N) to (B, P)."""
        return torch.bmm(keys, state[:, :, None]).squeeze(2).softmax(dim=1)


class Additive(Attending):
    """See `AdditiveParams`; without biases."""

    def __init__(self, params: AdditiveParams, state: int, width: int) -> None:
        super().__init__()
        self.of_memory = nn.Linear(width, params.features, bias=False)
        self.of_state = nn.Linear(state, params.features, bias=False)
        self.score = nn.Parameter(torch.empty(params.features).uniform_(-1, 1) * params.features**-0.5)

    def keys(self, memory: Tensor) -> Tensor:
        """(B, P, D) to (B, P, features)."""
        keys: Tensor = self.of_memory(memory)
        return keys

    def forward(self, state: Tensor, keys: Tensor) -> Tensor:
        """(B, N) to (B, P)."""
        scores: Tensor = (keys + self.of_state(state)[:, None]).tanh() @ self.score
        return scores.softmax(dim=1)


class Mlp(Attending):
    """See `MlpParams`; the features of all positions meet the first layer once an image."""

    def __init__(self, params: MlpParams, state: int, width: int, positions: int) -> None:
        super().__init__()
        first, *more = params.hidden
        self.of_memory = nn.Linear(positions * width, first)
        self.of_state = nn.Linear(state, first, bias=False)
        layers: list[nn.Module] = [nn.Tanh()]
        for before, after in zip(params.hidden, more, strict=False):
            layers += [nn.Linear(before, after), nn.Tanh()]
        self.rest = nn.Sequential(*layers, nn.Linear(params.hidden[-1], positions))

    def keys(self, memory: Tensor) -> Tensor:
        """(B, P, D) to (B, first hidden width)."""
        keys: Tensor = self.of_memory(memory.flatten(1))
        return keys

    def forward(self, state: Tensor, keys: Tensor) -> Tensor:
        """(B, N) to (B, P)."""
        scores: Tensor = self.rest(keys + self.of_state(state))
        return scores.softmax(dim=1)


def build_attending(params: AttentionParams, state: int, width: int, positions: int | None) -> Attending:
    """The attention that `params.name` names, of states (B, `state`) over a memory (B, `positions`, `width`)."""
    match params:
        case GeneralParams():
            return General(state, width)
        case AdditiveParams():
            return Additive(params, state, width)
        case MlpParams():
            assert positions is not None, "checked by RecurrentParams.conflict"
            return Mlp(params, state, width, positions)
