"""Edits of formulas in known ways and increasing strength; a stronger edit contains the weaker one.

Tokens in, tokens out. For `benchmarks.metrics`, which looks whether every score falls as the damage grows.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType

STRENGTHS = (0, 1, 2, 4, 8)
_SHARES = MappingProxyType({0: 0.0, 1: 0.1, 2: 0.2, 4: 0.4, 8: 0.8})
_LETTERS = "abdefghijkmnoqstuvwxyz"  # no c, l, r and p, which may be columns of a table

Tokens = list[str]
Damage = Callable[[Tokens, int, random.Random], Tokens]


def _letters(tokens: Sequence[str], drawn: random.Random) -> list[int]:
    """Places of letters in an order by chance, of which the first few are damaged."""
    places = [place for place, token in enumerate(tokens) if token in _LETTERS]
    drawn.shuffle(places)
    return places


def _replace(tokens: Tokens, strength: int, drawn: random.Random) -> Tokens:
    changed = list(tokens)
    for place in _letters(tokens, drawn)[:strength]:
        changed[place] = drawn.choice(_LETTERS.replace(tokens[place], ""))
    return changed


def _delete(tokens: Tokens, strength: int, drawn: random.Random) -> Tokens:
    # An empty group keeps what depends on the letter, such as a script, in order.
    changed = list(tokens)
    for place in _letters(tokens, drawn)[:strength]:
        changed[place] = "{ }"
    return " ".join(changed).split()


def _insert(new: str, tokens: Tokens, strength: int, drawn: random.Random) -> Tokens:
    changed = list(tokens)
    for place in sorted(_letters(tokens, drawn)[:strength], reverse=True):
        changed[place : place + 1] = ["{", tokens[place], new or drawn.choice(_LETTERS), "}"]
    return changed


def _scripts(tokens: Tokens, strength: int, drawn: random.Random) -> Tokens:
    places = [place for place, token in enumerate(tokens) if token in ("^", "_") and _is_alone(tokens, place)]
    drawn.shuffle(places)
    changed = list(tokens)
    for place in places[:strength]:
        changed[place] = "_" if tokens[place] == "^" else "^"
    return changed


def _is_alone(tokens: Sequence[str], place: int) -> bool:
    """Whether no other script hangs on the same symbol: turned over, it would be a second one of its kind."""
    depth, end = 0, place + 1
    while end < len(tokens):
        depth += (tokens[end] == "{") - (tokens[end] == "}")
        end += 1
        if depth <= 0:
            break
    before = place - 1
    if tokens[before] == "}":
        depth = -1
        while before > 0 and depth:
            before -= 1
            depth += (tokens[before] == "{") - (tokens[before] == "}")
    scripts = ("^", "_", "'", "\\limits", "\\nolimits")
    return place > 0 and tokens[before - 1] not in scripts and (end >= len(tokens) or tokens[end] not in scripts)


def _neighbours(tokens: Tokens, strength: int, drawn: random.Random) -> Tokens:
    changed = list(tokens)
    pairs = [place for place in range(len(tokens) - 1) if tokens[place] in _LETTERS and tokens[place + 1] in _LETTERS]
    drawn.shuffle(pairs)
    for place in pairs[:strength]:
        changed[place], changed[place + 1] = changed[place + 1], changed[place]
    return changed


def _of_share(instead: Callable[[Tokens], Tokens], tokens: Tokens, strength: int, drawn: random.Random) -> Tokens:
    return instead(tokens) if drawn.random() < _SHARES[strength] else tokens


def _unclosed(tokens: Tokens) -> Tokens:
    return [*tokens, "{"]


def _nothing(_: Tokens) -> Tokens:
    return []


DAMAGES: Mapping[str, Damage] = MappingProxyType(
    {
        "letters replaced": _replace,
        "letters lost": _delete,
        "letters added": partial(_insert, ""),
        "thin spaces added": partial(_insert, "\\,"),
        "scripts turned over": _scripts,
        "neighbours swapped": _neighbours,
        "samples not closed": partial(_of_share, _unclosed),
        "samples empty": partial(_of_share, _nothing),
    }
)
"""By name. Strengths are damaged places in a formula, or, for samples, shares of the set: see `_SHARES`."""


def damaged(formula: str, name: str, strength: int, seed: int) -> str:
    """The formula with so many places damaged; the same seed damages the same places first."""
    drawn = random.Random(f"{seed} {name} {formula}")
    return " ".join(DAMAGES[name](formula.split(), strength, drawn))
