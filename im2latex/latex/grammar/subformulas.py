r"""Sub-formulas: runs of adjacent nodes in any row of a formula's tree.

A row is the formula itself, an argument, a script, a table cell, or the inside of `\left ... \right`, so the braces,
environments and fences of a run are balanced. Excluded is what is invalid alone: a `\middle` without its fence, a row
break or rule without its table, a space or a style at either end. Words (`\operatorname`, `\mathrm` of several letters)
are not split.
"""

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from im2latex.latex.parser.signatures import DELIMITERS, FONT_SWITCHES, STYLE_SWITCHES
from im2latex.latex.parser.tree import Argument, Command, Group, MathStyle, Node, Row, Scripts, Token, child_rows
from im2latex.latex.rules.atoms import is_space
from im2latex.latex.serializer import write
from im2latex.latex.tokens import split

_WORDS = frozenset(["\\operatorname", "\\operatorname*"])
_WORD_FONTS = frozenset(FONT_SWITCHES.values()) - {"\\mathcal"}
_BOUND = frozenset(
    split(r"\middle \multicolumn \hdotsfor \cline \tag \label \intertext \shortintertext \color \lefteqn \raise \lower")
)
"""Commands that depend on their context, or affect everything after them."""
_BOUND_TOKENS = frozenset(split(r"\hline \limits \nolimits \displaylimits & \right \not \vline \cr \crcr"))
_NOT_AT_AN_END = STYLE_SWITCHES.keys() | frozenset(split(r"\, \: \; \! \> ~ \quad \qquad"))
_CLOSERS = {
    "(": ")]",
    "[": "])",
    "\\{": "\\}",
    "\\langle": "\\rangle",
    "\\lfloor": "\\rfloor",
    "\\lceil": "\\rceil",
}
"""Closing brackets of an opening one; half-open intervals mix round and square ones."""
_ALL_CLOSERS = frozenset([")", "]"]) | frozenset(_CLOSERS.values()) - {")]", "])"}


@dataclass(frozen=True, slots=True)
class Subformula:
    """Nodes `start` to `end` of a row, and their number of tokens."""

    row: Row
    start: int
    end: int
    tokens: int

    @property
    def nodes(self) -> Row:
        """The nodes of the run."""
        return self.row[self.start : self.end]


def iter_subformulas(row: Row, most: int) -> Iterator[Subformula]:
    """Yield every run of at most `most` tokens that is valid alone, in this row and in all rows inside it."""
    lengths = [len(write([node])) for node in row]
    trimmed = [_is_trimmed(node) for node in row]
    brackets = [delimiter(node) for node in row]
    for start, first in enumerate(row):
        if trimmed[start] or lengths[start] > most or _hangs(first):
            continue
        total = 0
        due: list[str] = []
        for end in range(start, len(row)):
            total += lengths[end]
            if total > most or _is_bound(row[end]) or not _pairs(brackets[end], due):
                break
            if not due and not trimmed[end]:
                yield Subformula(row, start, end + 1, total)
    for node in row:
        if not _is_word(node):
            for inner, _ in child_rows(node, MathStyle.DISPLAY, _WORDS):
                yield from iter_subformulas(inner, most)


def group_by_length(row: Row, most: int) -> dict[int, list[Subformula]]:
    """Group the runs by their number of tokens."""
    found: defaultdict[int, list[Subformula]] = defaultdict(list)
    for run in iter_subformulas(row, most):
        found[run.tokens].append(run)
    return dict(found)


def choose_subformula(
    found: Mapping[int, Sequence[Subformula]], least: int, most: int, generator: random.Random
) -> Row | None:
    """Draw a run of `least` to `most` tokens: first a length uniformly, then a run of it. None where there is none.

    The nodes belong to the formula and must not be modified.
    """
    lengths = [length for length in range(least, most + 1) if length in found]
    return generator.choice(found[generator.choice(lengths)]).nodes if lengths else None


def _is_trimmed(node: Node) -> bool:
    """Whether no run may start or end here."""
    return is_space(node) or (isinstance(node, Token) and node.text in _NOT_AT_AN_END)


def _hangs(node: Node) -> bool:
    """Whether the node is scripts of an empty nucleus."""
    return isinstance(node, Scripts) and isinstance(node.nucleus, Group) and not node.nucleus.body


def _is_bound(node: Node) -> bool:
    match node:
        case Token(text=text):
            return text in _BOUND_TOKENS or text.startswith("\\\\")
        case Command(name=name):
            return name in _BOUND
        case Scripts(nucleus=nucleus):
            return _is_bound(nucleus)
    return False


def _pairs(bracket: Token | None, due: list[str]) -> bool:
    """Whether a run may continue: no bracket closes that it did not open; `due` are the brackets that must close."""
    if bracket is None:
        return True
    if bracket.text in _CLOSERS:
        due.append(_CLOSERS[bracket.text])
        return True
    return bracket.text not in _ALL_CLOSERS or (bool(due) and bracket.text in due.pop())


def delimiter(node: Node) -> Token | None:
    r"""Return the token of the delimiter that a node prints: plain, with scripts, or after `\big` and others."""
    match node:
        case Token(text=text) if text in DELIMITERS:
            return node
        case Command(arguments=[Argument(kind="d", body=[Token() as token])]):
            return token
        case Scripts(nucleus=nucleus):
            return delimiter(nucleus)
    return None


def _is_word(node: Node) -> bool:
    """Whether the node is a word in upright letters, which is not split."""
    if isinstance(node, Scripts):
        return False
    return isinstance(node, Command) and node.name in _WORD_FONTS and len(node.arguments[0].body) > 1
