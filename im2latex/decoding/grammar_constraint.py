"""Decoding that can only end in a formula that parses: the automaton of `latex.nesting` over a vocabulary, in tables.

For each place and each entry of the vocabulary a table says what the entry makes of the place, and by how much it
changes the number of entries that are needed to close everything that is open. So which entries may follow is one look
into a table for all rows of a batch at once: those after which what is open can still be closed within the length.
An entry that closes several places, as pieces do (`} ^ {`), goes on below the place it closed, level by level.

Shape letters: B rows, V entries, S places, I items (an entry's tokens as the automaton sees them), N places pushed.
"""

import numpy as np
import torch
from torch import Tensor

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.errors import ArtifactError
from im2latex.latex.automaton.alphabet import StackSymbol, TokenClass, classify
from im2latex.latex.automaton.transitions import END, START, transition
from im2latex.latex.parser.depth import MAX_DEPTH
from im2latex.models.decoders.base import State

Item = tuple[TokenClass, ...]

NEVER = 10_000
"""More tokens than any formula has: the price of what may not follow."""

_NOTHING: Item = ()
_FLOOR = StackSymbol("floor")
"""Below the formula itself; nothing can stand there."""


class GrammarConstraint:
    """Keeps what a search writes balanced and complete; a `decoding.greedy.Constraint`.

    Each row keeps its stack of places, the height of the stack, and the tokens that would close it. That number also
    bounds the nesting, which the parser allows up to MAX_DEPTH.
    """

    def __init__(self, vocabulary: Vocabulary, device: torch.device | None = None) -> None:
        """Raises `ArtifactError` where no formula can be written in this vocabulary."""
        entries = [_item(vocabulary, index) for index in range(len(vocabulary))]
        items = _with_endings(set(entries))
        outcomes = _outcomes(items)
        costs = _costs(outcomes, {entry for entry in entries if len(entry) == 1})
        if costs[START] >= NEVER:
            raise ArtifactError("the vocabulary cannot write a formula that parses; predict with grammar: false")
        numbers = {place: number for number, place in enumerate(outcomes)}
        # Where nothing else is said an item changes nothing and may not stand; no item at all may.
        longest = max(len(places) for row in outcomes.values() for places, _ in row.values())
        # In numpy: writing to a tensor one element after the other takes ten times as long.
        push = np.tile(np.arange(len(numbers))[:, None, None], (1, len(items), longest))
        count = np.ones((len(numbers), len(items)), dtype=np.int64)
        rest = np.zeros_like(count)
        change = np.full_like(count, NEVER, dtype=np.int32)
        change[:, items[_NOTHING]] = 0
        for place, row in outcomes.items():
            for item, (pushed, left) in row.items():
                at = numbers[place], items[item]
                push[at][: len(pushed)] = [numbers[one] for one in pushed]
                count[at], rest[at] = len(pushed), items[left]
                cost = sum(costs[one] for one in pushed) - costs[place]
                change[at] = -1 if item == (END,) else min(cost, NEVER)  # the end mark takes no room
        ids = np.array([items[entry] for entry in entries])
        barred = np.array([NEVER if entry == _NOTHING else 0 for entry in entries], dtype=np.int32)
        deep = np.flatnonzero(rest[:, ids].any(axis=0))  # entries that can go on below the place they close
        tables = (change[:, ids] + barred, rest[:, ids[deep]], deep, change, rest, ids, push, count)
        on_device = [torch.from_numpy(table).to(device) for table in tables]
        self._first_change, self._first_rest, self._deep, self._change, self._rest, self._ids = on_device[:6]
        self._push, self._count = on_device[6:]
        self._levels = _levels(outcomes)
        self._bottom, self._cost = torch.tensor([numbers[_FLOOR], numbers[START]]), costs[START]
        self._height = MAX_DEPTH + 2 + longest

    def initial_state(self, batch_size: int, device: torch.device) -> State:
        """Empty formulas: stacks (B, height), their sizes (B,) and costs (B,)."""
        stack = torch.zeros((batch_size, self._height), dtype=torch.long, device=device)
        stack[:, :2] = self._bottom.to(device)
        return [
            stack,
            torch.full((batch_size,), 2, device=device),
            torch.full((batch_size,), self._cost, dtype=torch.int32, device=device),
        ]

    def allowed_tokens(self, state: State, remaining: int) -> Tensor:
        """Which entries may come next, bool (B, V), where at most `remaining` more may follow that one."""
        stack, size, cost = state
        top = stack.gather(1, size[:, None] - 1)[:, 0]
        after = cost[:, None] + self._first_change[top]
        left = self._first_rest[top]
        more = torch.zeros_like(left, dtype=after.dtype)
        for level in range(1, self._levels):
            below = stack.gather(1, (size[:, None] - 1 - level).clamp(min=0))
            more, left = more + self._change[below, left], self._rest[below, left]
        after[:, self._deep] += more
        return after <= min(remaining, MAX_DEPTH)

    def advance(self, state: State, tokens: Tensor) -> State:
        """One entry (B,) further; one that is not allowed leaves some stack or other."""
        stack, size, cost = state
        item = self._ids[tokens]
        for _ in range(self._levels):
            size = size.clamp(min=1, max=self._height - self._push.shape[2])
            top = stack.gather(1, size[:, None] - 1)[:, 0]
            places = self._push[top, item]
            where = size[:, None] - 1 + torch.arange(places.shape[1], device=stack.device)
            stack = stack.scatter(1, where, places)
            cost = cost + self._change[top, item]
            size, item = size - 1 + self._count[top, item], self._rest[top, item]
        return [stack, size, cost]


def _item(vocabulary: Vocabulary, index: int) -> Item:
    """An entry as the automaton sees it; nothing for the marks that no formula holds."""
    if index in (Vocabulary.pad, Vocabulary.bos, Vocabulary.unk):
        return _NOTHING
    return (END,) if index == Vocabulary.eos else tuple(map(classify, vocabulary.tokens[index].split(" ")))


def _with_endings(entries: set[Item]) -> dict[Item, int]:
    """Entries and all that may be left of them, numbered; the first is nothing."""
    endings = {entry[start:] for entry in entries for start in range(len(entry))}
    return {item: number for number, item in enumerate([_NOTHING, *sorted(endings, key=repr)])}


Outcomes = dict[StackSymbol, dict[Item, tuple[tuple[StackSymbol, ...], Item]]]
"""By place and item: what replaces the place, and what is left of the item for the place below."""


def _outcomes(items: dict[Item, int]) -> Outcomes:
    """Whatever can happen: from the start on, every item at every place that can be reached."""
    found: Outcomes = {_FLOOR: {}}
    waiting = [START]
    while waiting:
        place = waiting.pop()
        if place in found:
            continue
        found[place] = {item: outcome for item in items if item and (outcome := _read(place, item)) is not None}
        waiting += [one for pushed, _ in found[place].values() for one in pushed]
    return found


def _read(place: StackSymbol, item: Item) -> tuple[tuple[StackSymbol, ...], Item] | None:
    stack = [place]
    for position, token in enumerate(item):
        if not stack:
            return (), item[position:]
        pushed = transition(stack.pop(), token)
        if pushed is None:
            return None
        stack += pushed
    return tuple(stack), ()


def _costs(outcomes: Outcomes, single: set[Item]) -> dict[StackSymbol, int]:
    """The fewest tokens that close each place; none for a formula that may end; NEVER where it cannot be closed.

    Only entries of one token count: one of them always stands at the place, whatever is below it.
    """
    costs = {place: 0 if (END,) in row else NEVER for place, row in outcomes.items()}
    changed = True
    while changed:
        changed = False
        for place, row in outcomes.items():
            closing = (1 + sum(costs[one] for one in pushed) for item, (pushed, _) in row.items() if item in single)
            cost = min(closing, default=NEVER)
            if cost < costs[place]:
                costs[place], changed = cost, True
    return costs


def _levels(outcomes: Outcomes) -> int:
    """The most places, one below the other, that one entry reaches."""
    below: dict[Item, set[Item]] = {}
    for row in outcomes.values():
        for item, (_, left) in row.items():
            below.setdefault(item, set()).add(left)
    levels = {_NOTHING: 0}
    for item in sorted(below, key=len):
        levels[item] = 1 + max(levels.get(left, 0) for left in below[item])
    return max(levels.values())
