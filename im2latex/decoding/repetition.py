"""Constraint against loops: a search may not repeat the same few tokens again and again.

Models that meet an unfamiliar image fall into loops (Holtzman et al., "The Curious Case of Neural Text Degeneration",
2020, section 1). A loop is a sequence of at most `MAX_PERIOD` tokens that occurs `MAX_REPEATS` times in succession.
Labels that hold one are rare, and most of them repeat a space.
"""

import re

import torch
from torch import Tensor

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.decoding.greedy import Constraint
from im2latex.models.decoders.base import State

MAX_PERIOD = 6
MAX_REPEATS = 8
_STOPPED = re.compile(rf"((?:\S+ ){{1,{MAX_PERIOD}}}?)\1{{{MAX_REPEATS - 2},}}")


def has_stopped_loop(latex: str) -> bool:
    """Whether a formula, its tokens separated by one space, holds a loop that lacks the last repeat."""
    return _STOPPED.search(f"{latex} ") is not None


class RepetitionConstraint:
    """Excludes the token that would complete a loop; a `decoding.greedy.Constraint`.

    The state of a row is its last `MAX_PERIOD` tokens, the latest first, and for each period p how many of the latest
    tokens equal the token p places before. Braces that close groups may repeat: a deep formula needs them.
    """

    def __init__(self, vocabulary: Vocabulary, inner: Constraint | None = None) -> None:
        """`inner` is a constraint that holds too; it wins where every token it allows would complete a loop."""
        self._inner, self._size = inner, len(vocabulary)
        self._limits = torch.arange(1, MAX_PERIOD + 1) * (MAX_REPEATS - 1) - 1
        exempt = [Vocabulary.eos, *(index for index, token in enumerate(vocabulary.tokens) if token == "}")]
        self._exempt = torch.tensor(exempt)

    def initial_state(self, batch_size: int, device: torch.device) -> State:
        """Histories (B, MAX_PERIOD) and numbers (B, MAX_PERIOD) of empty formulas, and the inner state."""
        history = torch.full((batch_size, MAX_PERIOD), -1, device=device)
        inner = [] if self._inner is None else self._inner.initial_state(batch_size, device)
        return [history, torch.zeros_like(history), *inner]

    def allowed_tokens(self, state: State, remaining: int) -> Tensor:
        """Mask (B, V) of the entries that may come next."""
        history, equal, *inner = state
        if self._inner is None:
            allowed = torch.ones((len(history), self._size), dtype=torch.bool, device=history.device)
        else:
            allowed = self._inner.allowed_tokens(inner, remaining)
        completes = (equal >= self._limits.to(history.device)) & (history >= 0)
        if not completes.any():
            return allowed
        excluded = torch.zeros_like(allowed)
        rows, places = completes.nonzero(as_tuple=True)
        excluded[rows, history[rows, places]] = True
        excluded[:, self._exempt.to(history.device)] = False
        left = allowed & ~excluded
        return left.where(left.any(dim=1, keepdim=True), allowed)

    def advance(self, state: State, tokens: Tensor) -> State:
        """The state after one entry (B,)."""
        history, equal, *inner = state
        equal = (equal + 1).where(history == tokens[:, None], 0)
        history = torch.cat([tokens[:, None], history[:, :-1]], dim=1)
        return [history, equal, *(inner if self._inner is None else self._inner.advance(inner, tokens))]
