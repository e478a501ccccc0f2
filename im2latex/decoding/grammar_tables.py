r"""Tables of the grammar constraint: the pushdown automaton of `latex.automaton` over the entries of a vocabulary.

Building them takes seconds, so they are kept in the user's cache, by the vocabulary and the code that decides them.

Shape letters: V entries, S stack symbols, I words (an entry as a sequence of token classes), N pushed symbols, D
entries that may continue below the symbol that they close.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

import im2latex
from im2latex.dataset.vocabulary import Vocabulary
from im2latex.errors import ArtifactError
from im2latex.io.atomic_write import atomic_write
from im2latex.io.user_cache import user_cache_folder
from im2latex.latex.automaton.alphabet import StackSymbol, TokenClass, classify
from im2latex.latex.automaton.transitions import END, START, transition

Word = tuple[TokenClass, ...]
"""The token classes of one entry of the vocabulary, or of what is left of it."""

IMPOSSIBLE = 10_000
"""Cost of a transition that does not exist: more tokens than any formula has."""

_EMPTY: Word = ()
_BOTTOM = StackSymbol("bottom")
"""Below the formula itself; it has no transitions."""
_SOURCES = ("latex/automaton/*.py", "latex/parser/*.py", "latex/*.py", "decoding/grammar_tables.py")
"""The code that decides the tables."""


@dataclass(frozen=True)
class GrammarTables:
    """The tables as arrays; words and stack symbols are numbers.

    `push` (S, I, N) holds the symbols that replace a symbol when a word is read, `count` (S, I) how many they are,
    `rest` (S, I) the word that is left for the symbol below, and `change` (S, I) the change of the number of tokens
    that close everything. `ids` (V) are the words of the entries; `first_change` (S, V) and `first_rest` (S, D) are
    `change` and `rest` by entry, `deep` (D) the entries that may continue. `start` holds the symbols of an empty
    formula, `cost` () the tokens that close it, `levels` () the largest number of symbols that one entry reaches.
    """

    push: NDArray[np.int64]
    count: NDArray[np.int64]
    rest: NDArray[np.int64]
    change: NDArray[np.int32]
    ids: NDArray[np.int64]
    first_change: NDArray[np.int32]
    first_rest: NDArray[np.int64]
    deep: NDArray[np.int64]
    start: NDArray[np.int64]
    cost: NDArray[np.int64]
    levels: NDArray[np.int64]


def load_grammar_tables(vocabulary: Vocabulary) -> GrammarTables:
    """The tables of a vocabulary, from the cache or newly built.

    Raises `ArtifactError` where no formula can be written in this vocabulary.
    """
    path = user_cache_folder("grammar") / f"{_cache_key(vocabulary)}.npz"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return GrammarTables(**{field.name: stored[field.name] for field in fields(GrammarTables)})
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        pass  # missing, or damaged: it is written again
    tables = build_grammar_tables(vocabulary)
    atomic_write(path, lambda draft: _save(draft, asdict(tables)))
    return tables


def _save(path: Path, arrays: Mapping[str, NDArray[np.generic]]) -> None:
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # its stub wants allow_pickle among them


def _cache_key(vocabulary: Vocabulary) -> str:
    """A hash of the entries of the vocabulary and of the code."""
    found = hashlib.sha256(json.dumps(vocabulary.tokens).encode())
    package = Path(im2latex.__file__).parent
    for pattern in _SOURCES:
        for path in sorted(package.glob(pattern)):
            found.update(path.read_bytes())
    return found.hexdigest()[:32]


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
