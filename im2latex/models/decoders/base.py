"""What every decoder offers.

Every decoder offers two readings of the same function: `forward` scores whole sequences at once for training, and
`start` and `step` score one more token from a state for search. A state is a list of tensors whose first dimension
is B, so that a search may drop, repeat and reorder its rows without knowing what they mean.
"""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from im2latex.config import Params
from im2latex.models.encoders.base import EncoderSettings

State = list[Tensor]


class DecoderSettings(Params):
    """The params of a decoder; each adds `name` and its sizes."""

    def conflict(self, encoder: EncoderSettings) -> str | None:
        """Why this decoder cannot read the memory of that encoder, or None where it can."""
        raise NotImplementedError


class Decoder(nn.Module, ABC):
    """What every decoder offers."""

    @abstractmethod
    def forward(
        self, memory: Tensor, tokens: Tensor, replaced: Tensor | None = None, attention: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Memory (B, P, D) and tokens (B, T) to logits (B, T, V): row t scores what follows token t.

        Where `replaced` (B, T) is true, the decoder reads the token it finds best itself instead of the given one
        (scheduled sampling, Bengio et al. 2015, arXiv 1506.03099). With `attention`, the second answer (B, T, P)
        tells for each row how much of each grid position went into it; it sums to 1.
        """

    @abstractmethod
    def start(self, memory: Tensor) -> State:
        """The state before the first token."""

    @abstractmethod
    def step(self, state: State, tokens: Tensor) -> tuple[Tensor, State]:
        """One token (B,) further: logits (B, V) of the next, and the new state."""

    def output_matrices(self) -> list[Tensor]:
        """The matrices, beside embeddings, that have a row for each token."""
        return []
