"""Edits of formulas by kind and strength; a stronger edit contains the weaker one.

Used by `benchmarks.metrics` to check that every score falls as the damage grows.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType

STRENGTHS = (0, 1, 2, 4, 8)
_SHARES = MappingProxyType({0: 0.0, 1: 0.1, 2: 0.2, 4: 0.4, 8: 0.8})
_LETTERS = "abdefghijkmnoqstuvwxyz"  # without c, l, r and p, which may be column types of a table

Tokens = list[str]
Edit = Callable[[Tokens, int, random.Random], Tokens]


def _letters(tokens: Sequence[str], rng: random.Random) -> list[int]:
    """Positions of letters in random order; the first ones are edited."""
    positions = [position for position, token in enumerate(tokens) if token in _LETTERS]
    rng.shuffle(positions)
    return positions


def _replace(tokens: Tokens, strength: int, rng: random.Random) -> Tokens:
    changed = list(tokens)
    for position in _letters(tokens, rng)[:strength]:
        changed[position] = rng.choice(_LETTERS.replace(tokens[position], ""))
    return changed


def _delete(tokens: Tokens, strength: int, rng: random.Random) -> Tokens:
    # An empty group keeps a script of the letter valid.
    changed = list(tokens)
    for position in _letters(tokens, rng)[:strength]:
        changed[position] = "{ }"
    return " ".join(changed).split()


def _insert(new: str, tokens: Tokens, strength: int, rng: random.Random) -> Tokens:
    changed = list(tokens)
    for position in sorted(_letters(tokens, rng)[:strength], reverse=True):
        changed[position : position + 1] = ["{", tokens[position], new or rng.choice(_LETTERS), "}"]
    return changed


def _scripts(tokens: Tokens, strength: int, rng: random.Random) -> Tokens:
    positions = [
        position for position, token in enumerate(tokens) if token in ("^", "_") and _is_alone(tokens, position)
    ]
    rng.shuffle(positions)
    changed = list(tokens)
    for position in positions[:strength]:
        changed[position] = "_" if tokens[position] == "^" else "^"
    return changed


def _is_alone(tokens: Sequence[str], position: int) -> bool:
    """Whether the symbol has no other script, with which the swapped one would be a double script."""
    depth, end = 0, position + 1
    while end < len(tokens):
        depth += (tokens[end] == "{") - (tokens[end] == "}")
        end += 1
        if depth <= 0:
            break
    before = position - 1
    if tokens[before] == "}":
        depth = -1
        while before > 0 and depth:
            before -= 1
            depth += (tokens[before] == "{") - (tokens[before] == "}")
    scripts = ("^", "_", "'", "\\limits", "\\nolimits")
    return position > 0 and tokens[before - 1] not in scripts and (end >= len(tokens) or tokens[end] not in scripts)


def _neighbours(tokens: Tokens, strength: int, rng: random.Random) -> Tokens:
    changed = list(tokens)
    pairs = [
        position
        for position in range(len(tokens) - 1)
        if tokens[position] in _LETTERS and tokens[position + 1] in _LETTERS
    ]
    rng.shuffle(pairs)
    for position in pairs[:strength]:
        changed[position], changed[position + 1] = changed[position + 1], changed[position]
    return changed


def _replace_share(
    replacement: Callable[[Tokens], Tokens], tokens: Tokens, strength: int, rng: random.Random
) -> Tokens:
    return replacement(tokens) if rng.random() < _SHARES[strength] else tokens


def _with_open_group(tokens: Tokens) -> Tokens:
    return [*tokens, "{"]


def _empty(_: Tokens) -> Tokens:
    return []


EDITS: Mapping[str, Edit] = MappingProxyType(
    {
        "letters replaced": _replace,
        "letters lost": _delete,
        "letters added": partial(_insert, ""),
        "thin spaces added": partial(_insert, "\\,"),
        "scripts turned over": _scripts,
        "neighbours swapped": _neighbours,
        "samples not closed": partial(_replace_share, _with_open_group),
        "samples empty": partial(_replace_share, _empty),
    }
)
"""Edits by name, which is part of the seed. A strength is a number of edits in a formula, or a share of the samples as
in `_SHARES`."""


def edit(formula: str, name: str, strength: int, seed: int) -> str:
    """Apply an edit of a strength; with the same seed a stronger edit contains the weaker one."""
    rng = random.Random(f"{seed} {name} {formula}")
    return " ".join(EDITS[name](formula.split(), strength, rng))
