"""Greedy search, and the state of decoding that all searches share.

A search decodes a batch with the decoder's cache, drops rows that have ended, and stops at a given length. The result
of a row does not depend on the other rows of the batch.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.models.decoders.base import State
from im2latex.models.model import Network
from im2latex.parallel import cancellation


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


def steps_between_compactions(device: torch.device) -> int:
    """Steps of a greedy search after which ended rows are dropped; the check synchronizes with the device."""
    return 1 if device.type == "cpu" else 8


class Constraint(Protocol):
    """Restriction of the next tokens. The first dimension of its state is B, as in a decoder's state."""

    def initial_state(self, batch_size: int, device: torch.device) -> State:
        """The state before the first token of `batch_size` formulas."""

    def allowed_tokens(self, state: State, remaining: int) -> Tensor:
        """Mask (B, V) of the tokens that may come next, where at most `remaining` more may follow that one.

        At least one token per row is allowed if the same was true at every earlier step.
        """

    def advance(self, state: State, tokens: Tensor) -> State:
        """The state after one allowed token (B,)."""


class DecoderState:
    """State of the decoder and of the constraint, if any, for a batch of formulas: one row each."""

    def __init__(self, network: Network, images: Tensor, max_tokens: int, constraint: Constraint | None = None) -> None:
        self._network, self._constraint = network, constraint
        # Matrix products copy operands that are not contiguous, at every step: attention took twice the time.
        self._state = [part.contiguous() for part in network.initial_state(images)]
        self._is_unchanged = [False] * len(self._state)
        self._constraint_state = constraint.initial_state(len(images), images.device) if constraint else []
        self._remaining, self._has_begun = max_tokens, False

    def log_probabilities(self, last: Tensor) -> Tensor:
        """Log probabilities (B, V) of the token after the tokens `last` (B,), which are the begin token at first."""
        cancellation.check()
        logits, new_state = self._network.step(self._state, last)
        self._is_unchanged = [new is old for new, old in zip(new_state, self._state, strict=True)]
        self._state = new_state
        scores = logits.float().log_softmax(dim=-1)
        scores[:, [Vocabulary.pad, Vocabulary.bos]] = -torch.inf
        self._remaining -= 1
        if self._constraint:
            if self._has_begun:
                self._constraint_state = self._constraint.advance(self._constraint_state, last)
            allowed = self._constraint.allowed_tokens(self._constraint_state, self._remaining)
            scores.masked_fill_(~allowed, -torch.inf)
        self._has_begun = True
        return scores

    def select(self, rows: Tensor) -> None:
        """Continue with these rows, given by number or as a mask."""
        self._state = [part[rows] for part in self._state]
        self._constraint_state = [part[rows] for part in self._constraint_state]

    def reorder(self, rows: Tensor) -> None:
        """As `select`, where each row is replaced by one of the same image and no image is dropped.

        Tensors that a step returns unchanged depend on the image alone. They are the largest part and are not copied.
        """
        self._state = [
            part if is_unchanged else part[rows]
            for part, is_unchanged in zip(self._state, self._is_unchanged, strict=True)
        ]
        self._constraint_state = [part[rows] for part in self._constraint_state]


@torch.inference_mode()
def greedy(network: Network, images: Tensor, max_tokens: int, constraint: Constraint | None = None) -> list[Hypothesis]:
    """Choose the best token at each step; one hypothesis of at most `max_tokens` per image (B, 1, H, W)."""
    state = DecoderState(network, images, max_tokens, constraint)
    interval = 1 if constraint else steps_between_compactions(images.device)
    rows = torch.arange(len(images), device=images.device)
    last = torch.full_like(rows, Vocabulary.bos)
    tokens = torch.full((len(images), max_tokens + 1), Vocabulary.eos, device=images.device)
    total = torch.zeros(len(images), device=images.device)
    active = torch.ones_like(rows, dtype=torch.bool)
    for position in range(max_tokens + 1):
        scores = state.log_probabilities(last)
        best, best_tokens = scores.max(dim=-1)
        gain = best if position < max_tokens else scores[:, Vocabulary.eos]
        total[rows] += gain.where(active, 0)
        last = best_tokens.where(active, Vocabulary.eos)
        tokens[rows, position] = last
        active = last != Vocabulary.eos
        if (position + 1) % interval == 0 and not active.all():
            rows, last = rows[active], last[active]
            state.select(active)
            active = active[active]
        if not len(rows):
            break
    return [_hypothesis(*row) for row in zip(tokens.tolist(), total.tolist(), strict=True)]


def _hypothesis(tokens: list[int], log_probability: float) -> Hypothesis:
    """Cut the tokens at the end token; the last position holds it, or the token that exceeds the length limit."""
    finished = Vocabulary.eos in tokens
    length = tokens.index(Vocabulary.eos) if finished else len(tokens) - 1
    return Hypothesis(tokens[:length], log_probability, finished)
