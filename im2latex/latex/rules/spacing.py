r"""Rules for explicit spaces."""

from im2latex.latex.signatures import SPACE_COMMANDS, SPACES
from im2latex.latex.tree import Argument, Command, Node, Row, Style, Token

_NAMES = {
    "\\thinspace": "\\,",
    "\\medspace": "\\:",
    "\\>": "\\:",
    "\\thickspace": "\\;",
    "\\negthinspace": "\\!",
    "\\ ": "~",
    "\\space": "~",
    "\\nobreakspace": "~",
}
_LENGTHS = {"\\hskip": "\\hspace", "\\kern": "\\hspace", "\\mkern": "\\mspace", "\\mskip": "\\mspace"}


def space_name(row: Row, _: Style) -> Row:
    r"""One name for each width; every word space is `~`.

    >>> a\ b \thinspace c \> d
    a ~ b \, c \: d
    """
    for node in row:
        if isinstance(node, Token):
            node.text = _NAMES.get(node.text, node.text)
    return row


def space_length(row: Row, _: Style) -> Row:
    r"""TeX's primitives for space become LaTeX's commands.

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


def trailing_space(row: Row, _: Style) -> Row:
    r"""Space behind the whole formula prints nothing; space before it moves the picture on its pixel grid and stays.

    >>> x = y \,\,
    x = y
    """
    end = len(row)
    while end and is_space(row[end - 1]):
        end -= 1
    return row[:end]


def is_space(node: Node) -> bool:
    """Whether the node is explicit horizontal space."""
    return (isinstance(node, Token) and node.text in SPACES) or (
        isinstance(node, Command) and node.name in SPACE_COMMANDS
    )
