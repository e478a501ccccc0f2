r"""Text inside mathematics: the argument of `\text`, `\mbox` and their kin, where spaces count."""

import re
from collections.abc import Callable

from pylatexenc.latexwalker import (
    LatexCharsNode,
    LatexEnvironmentNode,
    LatexGroupNode,
    LatexMacroNode,
    LatexMathNode,
    LatexNode,
)

from im2latex.errors import LatexError
from im2latex.latex.signatures import COMMANDS, FORBIDDEN, UNIT
from im2latex.latex.tokens import squeeze
from im2latex.latex.tree import Environment, Group, Inline, Row, Token

_LENGTH = re.compile(rf"[-+\s]*(?:\d+[.,]?\d*|[.,]\d+)\s*{UNIT}\s?")


def read_text(
    nodes: list[LatexNode],
    inline: Callable[[LatexMathNode], Row],
    environment: Callable[[LatexEnvironmentNode], Environment],
    is_known: Callable[[str], bool],
) -> Row:
    """Read characters with single spaces, control sequences, groups, and mathematics between dollars."""
    row: Row = []
    for node in nodes:
        if isinstance(node, LatexCharsNode):
            row.extend(Token(piece) for piece in _pieces(node.chars, row))
        elif isinstance(node, LatexMacroNode):
            row.append(Token(_control_sequence(node, is_known)))
        elif isinstance(node, LatexGroupNode):
            row.append(Group(read_text(node.nodelist, inline, environment, is_known)))
        elif isinstance(node, LatexMathNode):
            row.append(Inline(inline(node)))
        elif isinstance(node, LatexEnvironmentNode):
            row.append(environment(node))
    return row


def _control_sequence(node: LatexMacroNode, is_known: Callable[[str], bool]) -> str:
    name: str = "\\" + node.macroname
    if node.macroname.isspace():
        return "~"
    if name in FORBIDDEN:
        raise LatexError("forbidden_command", name, node.pos)
    if not is_known(name):
        raise LatexError("unknown_macro", name, node.pos)
    return name


def _pieces(characters: str, before: Row) -> list[str]:
    r"""Single characters with single spaces; the length of a primitive such as `\hskip` takes the space behind it."""
    pieces: list[str] = []
    last = before[-1] if before else None
    if isinstance(last, Token) and COMMANDS.get(last.text) == "n":
        length = _LENGTH.match(characters)
        if length is not None:
            pieces.append(squeeze(length[0]))
            characters = characters[length.end() :]
    return pieces + list(re.sub(r"\s+", " ", characters))
