"""Greedy search, and the state of decoding that all searches share.

A search decodes a batch with the cache of an engine, drops rows that have ended, and stops at a given length. The
result of a row does not depend on the other rows of the batch.
"""

from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.engines.base import Engine, LogProbabilities, Memory, Tokens
from im2latex.parallel import cancellation

ENDED_SHARE = 0.125
"""Share of ended rows above which a search drops them. Those that wait cost a little; to copy the others costs more."""

ConstraintState: TypeAlias = list[NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """Token ids without begin and end token, and the natural logarithm of their joint probability.

    The probability is the model's own for these tokens and the end token, whatever a search preferred or a constraint
    excluded. `finished` is false where the length limit came first: the tokens are only the beginning of a formula, and
    the probability is that of ending there nevertheless.
    """

    tokens: list[int]
    log_probability: float
    finished: bool


class Constraint(Protocol):
    """Restriction of the next tokens. The first dimension of the arrays of its state is B."""

    def initial_state(self, batch_size: int) -> ConstraintState:
        """The state before the first token of `batch_size` formulas."""

    def allowed_tokens(self, state: ConstraintState, remaining: int) -> NDArray[np.bool_]:
        """Mask (B, V) of the tokens that may come next, where at most `remaining` more may follow that one.

        At least one token per row is allowed if the same was true at every earlier step.
        """

    def advance(self, state: ConstraintState, tokens: Tokens) -> ConstraintState:
        """The state after one token (B,); any state after a token that is not allowed."""


class DecoderState:
    """State of the engine and of the constraint, if any, for a batch of formulas: one row each."""

    def __init__(
        self, engine: Engine, memory: Memory, batch_size: int, max_tokens: int, constraint: Constraint | None = None
    ) -> None:
        self._state, self._constraint = engine.start(memory), constraint
        self._constraint_state = constraint.initial_state(batch_size) if constraint else []
        self._remaining, self._has_begun = max_tokens, False

    def log_probabilities(self, last: Tokens) -> LogProbabilities:
        """Log probabilities (B, V) of the token after the tokens `last` (B,), which are the begin token at first."""
        cancellation.check()
        scores = self._state.step(last)
        scores[:, [Vocabulary.pad, Vocabulary.bos]] = -np.inf
        self._remaining -= 1
        if self._constraint:
            if self._has_begun:
                self._constraint_state = self._constraint.advance(self._constraint_state, last)
            allowed = self._constraint.allowed_tokens(self._constraint_state, self._remaining)
            scores[~allowed] = -np.inf
        self._has_begun = True
        return scores

    def select(self, rows: Tokens) -> None:
        """Continue with these rows, as `engines.base.DecodingState.select`."""
        self._state.select(rows)
        self._constraint_state = [part[rows] for part in self._constraint_state]


def greedy(
    engine: Engine, images: NDArray[np.uint8], max_tokens: int, constraint: Constraint | None = None
) -> list[Hypothesis]:
    """Choose the best token at each step; one hypothesis of at most `max_tokens` per image (B, H, W).

    Where the engine has a draft of its decoder, that one writes the formula of a single image, and one pass of the
    decoder over the whole formula verifies it (speculative decoding; Leviathan et al. 2023, arXiv 2211.17192): the
    result is the decoder's own. Several images share the cost of a step, so that a draft saves nothing.
    """
    memory = engine.encode(images)
    if engine.draft is not None and len(images) == 1:
        verified = _drafted(engine, engine.draft, memory, max_tokens, constraint)
        if verified is not None:
            return [verified]
    return _greedy(engine, memory, len(images), max_tokens, constraint)


def _drafted(
    engine: Engine, draft: Engine, memory: Memory, max_tokens: int, constraint: Constraint | None
) -> Hypothesis | None:
    """The formula of one encoded image, None where the draft writes another than the decoder, or does not end."""
    state = DecoderState(draft, memory, 1, max_tokens, constraint)
    tokens, excluded = [Vocabulary.bos], []
    while tokens[-1] != Vocabulary.eos:
        if len(tokens) > max_tokens + 1:
            return None
        scores = state.log_probabilities(np.array(tokens[-1:]))[0]
        excluded.append(np.isneginf(scores))
        tokens.append(int(scores.argmax()))
    scores = engine.score(memory, np.array([tokens[:-1]]))[0]
    scores[np.array(excluded)] = -np.inf
    if not np.array_equal(scores.argmax(axis=1), tokens[1:]):
        return None
    return Hypothesis(tokens[1:-1], float(scores.max(axis=1).sum()), True)


def _greedy(
    engine: Engine, memory: Memory, images: int, max_tokens: int, constraint: Constraint | None
) -> list[Hypothesis]:
    state = DecoderState(engine, memory, images, max_tokens, constraint)
    rows = np.arange(images)
    last = np.full(images, Vocabulary.bos)
    tokens = np.full((images, max_tokens + 1), Vocabulary.eos)
    total = np.zeros(images, np.float32)
    active = np.ones(images, np.bool_)
    for position in range(max_tokens + 1):
        scores = state.log_probabilities(last)
        best_tokens = scores.argmax(axis=1)
        best = scores[np.arange(len(rows)), best_tokens]
        gain = best if position < max_tokens else scores[:, Vocabulary.eos]
        total[rows] += np.where(active, gain, 0)
        last = np.where(active, best_tokens, Vocabulary.eos)
        tokens[rows, position] = last
        active = last != Vocabulary.eos
        if not active.any():
            break
        if active.mean() < 1 - ENDED_SHARE:
            kept = np.flatnonzero(active)
            rows, last, active = rows[kept], last[kept], active[kept]
            state.select(kept)
    return [_hypothesis(*row) for row in zip(tokens.tolist(), total.tolist(), strict=True)]


def _hypothesis(tokens: list[int], log_probability: float) -> Hypothesis:
    """Cut the tokens at the end token; the last position holds it, or the token that exceeds the length limit."""
    finished = Vocabulary.eos in tokens
    length = tokens.index(Vocabulary.eos) if finished else len(tokens) - 1
    return Hypothesis(tokens[:length], log_probability, finished)
