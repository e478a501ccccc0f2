"""Base classes of the decoders.

Every decoder computes the same function in two ways: `forward` scores whole sequences at once for training;
`initial_state` and `step` score one token after another for search. A state is a list of tensors whose first dimension
is B, so that a search can drop, repeat and reorder its rows without knowledge of their content.

To add a decoder, write a module with its `Params` and `Decoder` and add the params to the union in `decoders`.
"""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from im2latex.config import Params
from im2latex.models.encoders.base import EncoderBaseParams

State = list[Tensor]


class DecoderBaseParams(Params):
    """Base of the decoder parameters; each decoder adds `name` and its sizes."""

    def conflict(self, encoder: EncoderBaseParams) -> str | None:
        """Return the reason why this decoder cannot be combined with that encoder, or None."""
        raise NotImplementedError

    def build(self, vocabulary_size: int, encoder: EncoderBaseParams) -> "Decoder":
        """A freshly initialized decoder of these parameters, for the memory of that encoder."""
        raise NotImplementedError


class Decoder(nn.Module, ABC):
    """Base of the decoders."""

    @abstractmethod
    def forward(
        self, memory: Tensor, tokens: Tensor, sample_mask: Tensor | None = None, need_weights: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Compute logits (B, T, V) from memory (B, P, D) and tokens (B, T); row t scores the token after token t.

        Where `sample_mask` (B, T) is true, the input is the decoder's own best token instead of the given one
        (scheduled sampling, Bengio et al. 2015, arXiv 1506.03099). With `need_weights`, the second result holds the
        attention weights (B, T, P), which sum to 1 over P.
        """

    @abstractmethod
    def initial_state(self, memory: Tensor) -> State:
        """The state before the first token, from memory (B, P, D)."""

    @abstractmethod
    def step(self, state: State, tokens: Tensor) -> tuple[Tensor, State]:
        """Consume one token (B,); returns the logits (B, V) of the next one and the new state."""

    def output_matrices(self) -> list[Tensor]:
        """The matrices, besides embeddings, that have one row per token of the vocabulary."""
        return []
