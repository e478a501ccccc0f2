"""Rules for explicit spaces."""

import re

from im2latex.latex.parser.signatures import CONTROL_SPACE
from im2latex.latex.parser.tree import Argument, Command, Environment, MathStyle, Row, Token, nuclei
from im2latex.latex.rules.atoms import has_ordinary_nucleus, is_space

NAMES = {
    "\\thinspace": "\\,",
    "\\medspace": "\\:",
    "\\>": "\\:",
    "\\thickspace": "\\;",
    "\\negthinspace": "\\!",
}
_NUMBER = re.compile(r"(?<![\d.])0*(\d+)(?:\.(\d*?)0*)?(?![\d.])|(?<![\d.])\.(?=\d)(\d*?)0*(?!\d)")
_LENGTHS = {"\\hskip": "\\hspace", "\\kern": "\\hspace", "\\mkern": "\\mspace", "\\mskip": "\\mspace"}


def space_name(row: Row, _: MathStyle) -> Row:
    r"""Use one name for each width.

    >>> a \thinspace c \> d \space e
    a \, c \: d e
    """
    for node in row:
        if isinstance(node, Token) and node.text in NAMES:
            node.text = NAMES[node.text]
    return [node for node in row if not (isinstance(node, Token) and node.text == "\\space")]


def word_space(row: Row, _: MathStyle) -> Row:
    r"""Write a word space as `~` where it prints the same as a control space.

    A `~` adds an empty ordinary atom, which keeps its distance from the next atom; `\nobreakspace` does not.

    >>> a =\ b ,\ \left(c\right)
    a = ~ b , \nobreakspace \left ( c \right )
    """
    if not any(isinstance(node, Token) and node.text == CONTROL_SPACE for node in row):
        return row
    atoms = [index for index, node in enumerate(row) if not is_space(node)]
    for index, node in enumerate(row):
        if isinstance(node, Token) and node.text == CONTROL_SPACE:
            following = [i for i in atoms if i > index][:1] or [i for i in atoms if i < index][-1:]
            if following and has_ordinary_nucleus(row[following[0]]):
                node.text = "~"
    return row


def space_length(row: Row, _: MathStyle) -> Row:
    r"""Replace TeX's primitives for space by LaTeX's commands.

    >>> a \hskip 1.5 cm b \mkern-3mu c \hspace*{1em} d
    a \hspace { 1.5cm } b \mspace { -3mu } c \hspace { 1em } d
    """
    for node in row:
        if isinstance(node, Command):
            if node.name in _LENGTHS:
                node.name = _LENGTHS[node.name]
                node.arguments = [Argument("l", node.arguments[0].body)]
            elif node.name == "\\hspace*":
                node.name = "\\hspace"
    return row


def decimal(row: Row, _: MathStyle) -> Row:
    r"""Use one spelling for each number in a length.

    >>> a \hspace{01.50cm} b \hspace{.5em} c
    a \hspace { 1.5cm } b \hspace { 0.5em } c
    """
    for node in nuclei(row):
        if isinstance(node, Command):
            for argument in node.arguments:
                if argument.kind in "lngk":
                    for part in argument.body:
                        assert isinstance(part, Token)
                        part.text = _NUMBER.sub(_decimal, part.text)
        elif isinstance(node, Environment):
            node.breaks = [_NUMBER.sub(_decimal, row_break) for row_break in node.breaks]
    return row


def _decimal(number: re.Match[str]) -> str:
    whole, fraction = number[1] or "0", number[2] or number[3]
    return f"{whole}.{fraction}" if fraction else whole
