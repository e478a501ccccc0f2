"""Grammar-constrained decoding: the pushdown automaton of `latex.automaton` over a vocabulary, as tables.

For each stack symbol and each entry of the vocabulary, tables hold the symbols that replace it and the change of the
number of tokens that are needed to close everything that is open. The allowed entries of all rows of a batch are
then one table lookup: those after which everything can still be closed within the maximum length. An entry that closes
several symbols, as subwords do (`} ^ {`), continues at the symbol below, level by level.

Shape letters: B rows, V entries, S stack symbols, I words (an entry as a sequence of token classes), N pushed symbols.
"""

import numpy as np
import torch
from torch import Tensor

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.errors import ArtifactError
from im2latex.latex.automaton.alphabet import StackSymbol, TokenClass, classify
from im2latex.latex.automaton.transitions import END, START, transition
from im2latex.latex.parser.tree import MAX_DEPTH
from im2latex.models.decoders.base import State

Word = tuple[TokenClass, ...]
"""The token classes of one entry of the vocabulary, or of what is left of it."""

IMPOSSIBLE = 10_000
"""Cost of a transition that does not exist: more tokens than any formula has."""

_EMPTY: Word = ()
_BOTTOM = StackSymbol("bottom")
"""Below the formula itself; it has no transitions."""


class GrammarConstraint:
    """Restricts a search to formulas that parse; a `decoding.greedy.Constraint`.

    The state of a row is its stack of symbols, the size of the stack, and the number of tokens that would close it.
    That number also bounds the nesting, which the parser allows up to MAX_DEPTH.
    """

    def __init__(self, vocabulary: Vocabulary, device: torch.device | None = None) -> None:
        """Build the tables; raises `ArtifactError` where no formula can be written in this vocabulary."""
        entries = [_token_classes(vocabulary, index) for index in range(len(vocabulary))]
        words = _number_suffixes(set(entries))
        transitions = _all_transitions(words)
        costs = _costs(transitions, {entry for entry in entries if len(entry) == 1})
        if costs[START] >= IMPOSSIBLE:
            raise ArtifactError("the vocabulary cannot write a formula that parses; predict with grammar: false")
        numbers = {symbol: number for number, symbol in enumerate(transitions)}
        # By default a word changes nothing and is impossible; the empty word is possible everywhere.
        longest = max(len(symbols) for row in transitions.values() for symbols, _ in row.values())
        # In NumPy: assignment to single elements of a tensor takes ten times as long.
        push = np.tile(np.arange(len(numbers))[:, None, None], (1, len(words), longest))
        count = np.ones((len(numbers), len(words)), dtype=np.int64)
        rest = np.zeros_like(count)
        change = np.full_like(count, IMPOSSIBLE, dtype=np.int32)
        change[:, words[_EMPTY]] = 0
        for symbol, row in transitions.items():
            for word, (pushed, left) in row.items():
                at = numbers[symbol], words[word]
                push[at][: len(pushed)] = [numbers[one] for one in pushed]
                count[at], rest[at] = len(pushed), words[left]
                cost = sum(costs[one] for one in pushed) - costs[symbol]
                change[at] = -1 if word == (END,) else min(cost, IMPOSSIBLE)  # the end token does not count
        ids = np.array([words[entry] for entry in entries])
        excluded = np.array([IMPOSSIBLE if entry == _EMPTY else 0 for entry in entries], dtype=np.int32)
        deep = np.flatnonzero(rest[:, ids].any(axis=0))  # entries that can continue below the symbol they close
        tables = (change[:, ids] + excluded, rest[:, ids[deep]], deep, change, rest, ids, push, count)
        on_device = [torch.from_numpy(table).to(device) for table in tables]
        self._first_change, self._first_rest, self._deep, self._change, self._rest, self._ids = on_device[:6]
        self._push, self._count = on_device[6:]
        self._levels = _levels(transitions)
        self._bottom, self._cost = torch.tensor([numbers[_BOTTOM], numbers[START]]), costs[START]
        self._height = MAX_DEPTH + 2 + longest

    def initial_state(self, batch_size: int, device: torch.device) -> State:
        """Stacks (B, height), their sizes (B,) and costs (B,) of empty formulas."""
        stack = torch.zeros((batch_size, self._height), dtype=torch.long, device=device)
        stack[:, :2] = self._bottom.to(device)
        return [
            stack,
            torch.full((batch_size,), 2, device=device),
            torch.full((batch_size,), self._cost, dtype=torch.int32, device=device),
        ]

    def allowed_tokens(self, state: State, remaining: int) -> Tensor:
        """Mask (B, V) of the entries that may come next, where at most `remaining` more may follow that one."""
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
        """The state after one entry (B,); undefined for entries that are not allowed."""
        stack, size, cost = state
        word = self._ids[tokens]
        for _ in range(self._levels):
            size = size.clamp(min=1, max=self._height - self._push.shape[2])
            top = stack.gather(1, size[:, None] - 1)[:, 0]
            symbols = self._push[top, word]
            where = size[:, None] - 1 + torch.arange(symbols.shape[1], device=stack.device)
            stack = stack.scatter(1, where, symbols)
            cost = cost + self._change[top, word]
            size, word = size - 1 + self._count[top, word], self._rest[top, word]
        return [stack, size, cost]


def _token_classes(vocabulary: Vocabulary, index: int) -> Word:
    """The token classes of an entry; empty for the special tokens that are no part of a formula."""
    if index in (Vocabulary.pad, Vocabulary.bos, Vocabulary.unk):
        return _EMPTY
    return (END,) if index == Vocabulary.eos else tuple(map(classify, vocabulary.tokens[index].split(" ")))


def _number_suffixes(entries: set[Word]) -> dict[Word, int]:
    """Numbers of all entries and of what can be left of them; the empty word is 0."""
    suffixes = {entry[start:] for entry in entries for start in range(len(entry))}
    return {word: number for number, word in enumerate([_EMPTY, *sorted(suffixes, key=repr)])}


Transitions = dict[StackSymbol, dict[Word, tuple[tuple[StackSymbol, ...], Word]]]
"""By symbol and word: the symbols that replace it, and what is left of the word for the symbol below."""


def _all_transitions(words: dict[Word, int]) -> Transitions:
    """All transitions from the start: of every word at every symbol that can be reached."""
    found: Transitions = {_BOTTOM: {}}
    pending = [START]
    while pending:
        symbol = pending.pop()
        if symbol in found:
            continue
        found[symbol] = {word: result for word in words if word and (result := _apply(symbol, word)) is not None}
        pending += [one for pushed, _ in found[symbol].values() for one in pushed]
    return found


def _apply(symbol: StackSymbol, word: Word) -> tuple[tuple[StackSymbol, ...], Word] | None:
    stack = [symbol]
    for position, token in enumerate(word):
        if not stack:
            return (), word[position:]
        pushed = transition(stack.pop(), token)
        if pushed is None:
            return None
        stack += pushed
    return tuple(stack), ()


def _costs(transitions: Transitions, single: set[Word]) -> dict[StackSymbol, int]:
    """The fewest tokens that close each symbol; 0 for a formula that may end; IMPOSSIBLE where none do.

    Only entries of one token count: they can be used whatever is below the symbol.
    """
    costs = {symbol: 0 if (END,) in row else IMPOSSIBLE for symbol, row in transitions.items()}
    changed = True
    while changed:
        changed = False
        for symbol, row in transitions.items():
            closing = (1 + sum(costs[one] for one in pushed) for word, (pushed, _) in row.items() if word in single)
            cost = min(closing, default=IMPOSSIBLE)
            if cost < costs[symbol]:
                costs[symbol], changed = cost, True
    return costs


def _levels(transitions: Transitions) -> int:
    """The largest number of stack symbols, one below the other, that one entry reaches."""
    below: dict[Word, set[Word]] = {}
    for row in transitions.values():
        for word, (_, left) in row.items():
            below.setdefault(word, set()).add(left)
    levels = {_EMPTY: 0}
    for word in sorted(below, key=len):
        levels[word] = 1 + max(levels.get(left, 0) for left in below[word])
    return max(levels.values())
