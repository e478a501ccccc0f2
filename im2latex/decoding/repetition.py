"""Constraint against loops: a search may not repeat the same few tokens again and again.

Models that meet an unfamiliar image fall into loops (Holtzman et al., "The Curious Case of Neural Text Degeneration",
2020, section 1). A loop is a sequence of at most `MAX_PERIOD` tokens that occurs `MAX_REPEATS` times in succession.
Labels that hold one are rare, and most of them repeat a space.
"""

import re

import numpy as np
from numpy.typing import NDArray

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.decoding.greedy import Constraint, ConstraintState
from im2latex.engines.base import Tokens

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
        self._limits = np.arange(1, MAX_PERIOD + 1) * (MAX_REPEATS - 1) - 1
        self._exempt = [Vocabulary.eos, *(index for index, token in enumerate(vocabulary.tokens) if token == "}")]

    def initial_state(self, batch_size: int) -> ConstraintState:
        """Histories (B, MAX_PERIOD) and numbers (B, MAX_PERIOD) of empty formulas, and the inner state."""
        history = np.full((batch_size, MAX_PERIOD), -1)
        inner = [] if self._inner is None else self._inner.initial_state(batch_size)
        return [history, np.zeros_like(history), *inner]

    def allowed_tokens(self, state: ConstraintState, remaining: int) -> NDArray[np.bool_]:
        """Mask (B, V) of the entries that may come next."""
        history, equal, *inner = state
        if self._inner is None:
            allowed = np.ones((len(history), self._size), np.bool_)
        else:
            allowed = self._inner.allowed_tokens(inner, remaining)
        completes = (equal >= self._limits) & (history >= 0)
        if not completes.any():
            return allowed
        excluded = np.zeros_like(allowed)
        rows, places = completes.nonzero()
        excluded[rows, history[rows, places]] = True
        excluded[:, self._exempt] = False
        left = allowed & ~excluded
        return np.where(left.any(axis=1, keepdims=True), left, allowed)

    def advance(self, state: ConstraintState, tokens: Tokens) -> ConstraintState:
        """The state after one entry (B,)."""
        history, equal, *inner = state
        equal = np.where(history == tokens[:, None], equal + 1, 0)
        history = np.concatenate([tokens[:, None], history[:, :-1]], axis=1)
        return [history, equal, *(inner if self._inner is None else self._inner.advance(inner, tokens))]
