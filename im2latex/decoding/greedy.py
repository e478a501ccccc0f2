"""From an image to its most probable tokens, one step at a time: what all searches share, and the greedy one.

A search decodes a batch with the decoder's cache, drops rows as they finish, and stops at a given length, so that it
always ends. A row's result does not depend on its neighbours in the batch.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.models.decoders import State
from im2latex.models.model import Network
from im2latex.parallel import cancellation


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """Token ids without begin and end marks, and the natural logarithm of their joint probability.

    The probability is the model's own for these tokens and the end mark, whatever the search preferred or a
    constraint excluded. `finished` is false where the length limit came first: the tokens are only the beginning of
    what the model would have written, and the probability is that of ending there all the same.
    """

    tokens: list[int]
    log_probability: float
    finished: bool


def steps_between_looks(device: torch.device) -> int:
    """Steps of a greedy search after which rows that have ended are dropped: to know them is to wait for the device."""
    return 1 if device.type == "cpu" else 8


class Constraint(Protocol):
    """Says what may follow. Its state has B first, as a decoder's: rows may be dropped, repeated and reordered."""

    def start(self, rows: int, device: torch.device) -> State:
        """The state before the first token of `rows` formulas."""

    def allowed(self, state: State, room: int) -> Tensor:
        """Which tokens may come next, bool (B, V), where `room` more may follow behind that one.

        At least one may in each row, if the same was true of every step before.
        """

    def advance(self, state: State, tokens: Tensor) -> State:
        """One allowed token (B,) further."""


class Walk:
    """The way of many formulas through the decoder and, where there is one, the constraint: one row each."""

    def __init__(self, network: Network, images: Tensor, max_tokens: int, constraint: Constraint | None = None) -> None:
        self._network, self._constraint = network, constraint
        # Products of matrices copy operands that lie scattered, at every step: attention took twice the time.
        self._state = [part.contiguous() for part in network.start(images)]
        self._passed_on = [False] * len(self._state)
        self._marks = constraint.start(len(images), images.device) if constraint else []
        self._room, self._begun = max_tokens, False

    def scores(self, last: Tensor) -> Tensor:
        """Log probabilities (B, V) of what follows the tokens `last` (B,), the begin mark at first."""
        cancellation.check()
        logits, after = self._network.step(self._state, last)
        self._passed_on = [new is old for new, old in zip(after, self._state, strict=True)]
        self._state = after
        scores = logits.float().log_softmax(dim=-1)
        scores[:, [Vocabulary.pad, Vocabulary.bos]] = -torch.inf
        self._room -= 1
        if self._constraint:
            if self._begun:
                self._marks = self._constraint.advance(self._marks, last)
            scores.masked_fill_(~self._constraint.allowed(self._marks, self._room), -torch.inf)
        self._begun = True
        return scores

    def take(self, rows: Tensor) -> None:
        """Go on with these rows, given by number or as a mask."""
        self._state, self._marks = [part[rows] for part in self._state], [part[rows] for part in self._marks]

    def rearrange(self, rows: Tensor) -> None:
        """The same as `take` where each row's place goes to a row of the same image and no image leaves.

        What a step passes on as it is came from the image alone, and need not be moved: the largest part.
        """
        self._state = [
            part if passed_on else part[rows] for part, passed_on in zip(self._state, self._passed_on, strict=True)
        ]
        self._marks = [part[rows] for part in self._marks]


@torch.inference_mode()
def greedy(network: Network, images: Tensor, max_tokens: int, constraint: Constraint | None = None) -> list[Hypothesis]:
    """Follow the best token at each step; one hypothesis an image (B, 1, H, W) of at most `max_tokens` tokens."""
    walk = Walk(network, images, max_tokens, constraint)
    between = 1 if constraint else steps_between_looks(images.device)
    rows = torch.arange(len(images), device=images.device)
    last = torch.full_like(rows, Vocabulary.bos)
    tokens = torch.full((len(images), max_tokens + 1), Vocabulary.eos, device=images.device)
    total = torch.zeros(len(images), device=images.device)
    going = torch.ones_like(rows, dtype=torch.bool)
    for place in range(max_tokens + 1):
        scores = walk.scores(last)
        best, following = scores.max(dim=-1)
        gain = best if place < max_tokens else scores[:, Vocabulary.eos]
        total[rows] += gain.where(going, 0)
        last = following.where(going, Vocabulary.eos)
        tokens[rows, place] = last
        going = last != Vocabulary.eos
        if (place + 1) % between == 0 and not going.all():
            rows, last = rows[going], last[going]
            walk.take(going)
            going = going[going]
        if not len(rows):
            break
    return [_hypothesis(*row) for row in zip(tokens.tolist(), total.tolist(), strict=True)]


def _hypothesis(tokens: list[int], log_probability: float) -> Hypothesis:
    """Cut at the end mark; the last place of `tokens` holds it or the token that was one too many."""
    finished = Vocabulary.eos in tokens
    length = tokens.index(Vocabulary.eos) if finished else len(tokens) - 1
    return Hypothesis(tokens[:length], log_probability, finished)
