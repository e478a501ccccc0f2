"""Grammar-constrained decoding: the pushdown automaton of `latex.automaton` over a vocabulary, as tables.

For each stack symbol and each entry of the vocabulary, the tables (`decoding.grammar_tables`) hold the symbols that
replace it and the change of the number of tokens that are needed to close everything that is open. The allowed entries
of all rows of a batch are then one table lookup: those after which everything can still be closed within the maximum
length. An entry that closes several symbols, as subwords do (`} ^ {`), continues at the symbol below, level by level.

Shape letters: B rows, V entries.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.decoding.grammar_tables import load_grammar_tables
from im2latex.decoding.greedy import ConstraintState
from im2latex.engines.base import Tokens
from im2latex.latex.parser.signatures import MAX_DEPTH


class GrammarConstraint:
    """Restricts a search to formulas that parse; a `decoding.greedy.Constraint`.

    The state of a row is its stack of symbols, the size of the stack, and the number of tokens that would close it.
    That number also bounds the nesting, which the parser allows up to MAX_DEPTH.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        """Load the tables; raises `ArtifactError` where no formula can be written in this vocabulary."""
        self._tables = load_grammar_tables(vocabulary)
        self._cost, self._levels = int(self._tables.cost), int(self._tables.levels)
        self._height = MAX_DEPTH + 2 + self._tables.push.shape[2]

    def initial_state(self, batch_size: int) -> ConstraintState:
        """Stacks (B, height), their sizes (B,) and costs (B,) of empty formulas."""
        stack = np.zeros((batch_size, self._height), np.int64)
        stack[:, :2] = self._tables.start
        return [stack, np.full(batch_size, 2), np.full(batch_size, self._cost, np.int32)]

    def allowed_tokens(self, state: ConstraintState, remaining: int) -> NDArray[np.bool_]:
        """Mask (B, V) of the entries that may come next, where at most `remaining` more may follow that one."""
        stack, size, cost = state
        tables, rows = self._tables, np.arange(len(stack))
        top = stack[rows, size - 1]
        after = cost[:, None] + tables.first_change[top]
        left = tables.first_rest[top]
        more: NDArray[Any] = np.zeros_like(left, dtype=after.dtype)
        for level in range(1, self._levels):
            below = stack[rows, (size - 1 - level).clip(min=0)][:, None]
            more, left = more + tables.change[below, left], tables.rest[below, left]
        after[:, tables.deep] += more
        return np.asarray(after <= min(remaining, MAX_DEPTH))

    def advance(self, state: ConstraintState, tokens: Tokens) -> ConstraintState:
        """The state after one entry (B,); any state after an entry that is not allowed."""
        stack, size, cost = state
        tables, rows = self._tables, np.arange(len(stack))
        places = np.arange(tables.push.shape[2])
        word = tables.ids[tokens]
        stack = stack.copy()
        for _ in range(self._levels):
            size = size.clip(min=1, max=self._height - len(places))
            top = stack[rows, size - 1]
            stack[rows[:, None], size[:, None] - 1 + places] = tables.push[top, word]
            cost = cost + tables.change[top, word]
            size, word = size - 1 + tables.count[top, word], tables.rest[top, word]
        return [stack, size, cost]
