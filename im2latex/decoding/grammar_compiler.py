"""Compiler of the tables of the grammar constraint: the automaton of `latex.automaton` over a vocabulary's entries.

Shape letters and tables: see `decoding.grammar_tables`.
"""

import numpy as np

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.decoding.grammar_tables import GrammarTables
from im2latex.errors import ArtifactError
from im2latex.latex.automaton.alphabet import StackSymbol, TokenClass, classify
from im2latex.latex.automaton.transitions import END, START, transition

Word = tuple[TokenClass, ...]
"""The token classes of one entry of the vocabulary, or of what is left of it."""

IMPOSSIBLE = 10_000
"""Cost of a transition that does not exist: more tokens than any formula has."""

_EMPTY: Word = ()
_BOTTOM = StackSymbol("bottom")
"""Below the formula itself; it has no transitions."""


def build_grammar_tables(vocabulary: Vocabulary) -> GrammarTables:
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
    deep = np.flatnonzero(rest[:, ids].any(axis=0))
    return GrammarTables(
        push,
        count,
        rest,
        change,
        ids,
        first_change=change[:, ids] + excluded,
        first_rest=rest[:, ids[deep]],
        deep=deep,
        start=np.array([numbers[_BOTTOM], numbers[START]]),
        cost=np.array(costs[START]),
        levels=np.array(_levels(transitions)),
    )


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
    pushes = {
        symbol: {pushed for word, (pushed, _) in row.items() if word in single} for symbol, row in transitions.items()
    }
    changed = True
    while changed:
        changed = False
        for symbol, several in pushes.items():
            cost = min((1 + sum(costs[one] for one in pushed) for pushed in several), default=IMPOSSIBLE)
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
