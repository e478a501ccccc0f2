"""Distinct formulas without end, recombined from the sides of the equations of a corpus and of the built-in grammar.

A side is what stands between two relations outside of all groups. A new formula is one side, a relation, and another
side: since no side holds a relation, another choice of the three is another formula.
"""

import random
import re
from collections.abc import Iterable, Iterator
from itertools import islice

from im2latex.latex.grammar.generator import generate

RELATIONS = ("=", "<", ">", r"\le", r"\leq", r"\ge", r"\geq", r"\sim", r"\simeq", r"\approx", r"\equiv", r"\to", r"\in")
"""What separates sides; all but `\\in` also join them."""
GRAMMAR_FORMULAS = 20_000
LONGEST_SIDE = 150
"""In characters; the median formula of the arXiv sample has about a hundred."""

_LEXEME = re.compile(r"\\begin\{[^}]*\}|\\end\{[^}]*\}|\\(?:[A-Za-z]+|.)|\S|\s+", re.DOTALL)


def sides_of(formula: str) -> Iterator[str]:
    """The sides of a formula that are balanced by themselves."""
    depth, found = 0, [""]
    for lexeme in _LEXEME.findall(formula):
        if depth == 0 and lexeme in RELATIONS:
            found.append("")
            continue
        depth += _opens(lexeme) - _closes(lexeme)
        if depth < 0 or (lexeme in (r"\\", "&", "%", "#") and depth == 0):
            return
        found[-1] += lexeme
    if depth == 0:
        yield from (side for text in found if 0 < len(side := text.strip().rstrip(".,;")) <= LONGEST_SIDE)


def _opens(lexeme: str) -> bool:
    return lexeme in ("{", r"\left", r"\bigl") or lexeme.startswith(r"\begin")


def _closes(lexeme: str) -> bool:
    return lexeme in ("}", r"\right", r"\bigr") or lexeme.startswith(r"\end")


def distinct_sides(formulas: Iterable[str], seed: int) -> list[str]:
    """All sides of the formulas and of the grammar, in random order."""
    drawn = generate(GRAMMAR_FORMULAS, seed)
    found = sorted({side for formula in (*formulas, *drawn) for side in sides_of(formula)})
    random.Random(seed).shuffle(found)
    return found


def recombine(sides: list[str]) -> Iterator[str]:
    """Distinct formulas, as many as pairs of sides; each side occurs equally often."""
    count = len(sides)
    for turn in range(count):
        for first in range(count):
            second = (7919 * first + turn) % count
            yield f"{sides[first]} {RELATIONS[(first + turn) % (len(RELATIONS) - 1)]} {sides[second]}"


def with_repeats(formulas: Iterator[str], every: int) -> Iterator[str]:
    """The formulas, one of each group of `every` once more after the group, as the same formula in another paper."""
    while group := list(islice(formulas, every - 1)):
        yield from group
        yield group[len(group) // 2]
