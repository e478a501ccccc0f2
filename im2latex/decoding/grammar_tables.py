"""Tables of the grammar constraint, from the user's cache, or compiled there.

Compiling them takes seconds, so they are kept, by the vocabulary and the code that decides them. The compiler
(`decoding.grammar_compiler`) is only imported where it is needed.

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
from im2latex.io.atomic_write import atomic_write
from im2latex.io.user_cache import user_cache_folder

_SOURCES = ("latex/automaton/*.py", "latex/parser/*.py", "latex/*.py", "decoding/grammar_*.py")
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
    from im2latex.decoding.grammar_compiler import build_grammar_tables

    tables = build_grammar_tables(vocabulary)
    atomic_write(path, lambda draft: _save(draft, asdict(tables)))
    return tables


def _save(path: Path, arrays: Mapping[str, NDArray[np.generic]]) -> None:
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # its stub wants allow_pickle among them


def _cache_key(vocabulary: Vocabulary) -> str:
    """A hash of the entries of the vocabulary and of the code."""
    found = hashlib.sha256(json.dumps(vocabulary.tokens).encode())
    package = Path(im2latex.__file__).parent
    for pattern in _SOURCES:
        for path in sorted(package.glob(pattern)):
            found.update(path.read_bytes())
    return found.hexdigest()[:32]
