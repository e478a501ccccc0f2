"""Grammar-constrained decoding: the pushdown automaton of `latex.automaton` over a vocabulary, as tables.

For each stack symbol and each entry of the vocabulary, the tables (`decoding.grammar_tables`) hold the symbols that
replace it and the change of the number of tokens that are needed to close everything that is open. The allowed entries
of all rows of a batch are then one table lookup: those after which everything can still be closed within the maximum
length. An entry that closes several symbols, as subwords do (`} ^ {`), continues at the symbol below, level by level.

Shape letters: B rows, V entries.
"""

import torch
from torch import Tensor

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.decoding.grammar_tables import load_grammar_tables
from im2latex.latex.parser.tree import MAX_DEPTH
from im2latex.models.decoders.base import State


class GrammarConstraint:
    """Restricts a search to formulas that parse; a `decoding.greedy.Constraint`.

    The state of a row is its stack of symbols, the size of the stack, and the number of tokens that would close it.
    That number also bounds the nesting, which the parser allows up to MAX_DEPTH.
    """

    def __init__(self, vocabulary: Vocabulary, device: torch.device | None = None) -> None:
        """Load the tables; raises `ArtifactError` where no formula can be written in this vocabulary."""
        tables = load_grammar_tables(vocabulary)
        (
            self._push,
            self._count,
            self._rest,
            self._change,
            self._ids,
            self._first_change,
            self._first_rest,
            self._deep,
        ) = (
            torch.from_numpy(table).to(device)
            for table in (
                tables.push,
                tables.count,
                tables.rest,
                tables.change,
                tables.ids,
                tables.first_change,
                tables.first_rest,
                tables.deep,
            )
        )
        self._bottom, self._cost, self._levels = torch.from_numpy(tables.start), int(tables.cost), int(tables.levels)
        self._height = MAX_DEPTH + 2 + tables.push.shape[2]

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
