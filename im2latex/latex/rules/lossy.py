r"""Rules of the profile `compact`, which drop what a reader of a formula cannot judge; the picture changes."""

from im2latex.latex.rules.atoms import is_space
from im2latex.latex.rules.structure import redundant_braces
from im2latex.latex.signatures import COMMANDS, STYLE_SWITCHES
from im2latex.latex.tree import Command, Fence, Group, Node, Row, Scripts, Style, Token, heads

_FRACTIONS = {"\\dfrac": "\\frac", "\\tfrac": "\\frac", "\\dbinom": "\\binom", "\\tbinom": "\\binom"}
_SIZES = frozenset(name for name, kinds in COMMANDS.items() if kinds == "d")


def no_space(row: Row, style: Style) -> Row:
    r"""Drop explicit space, and the braces that then hold one atom.

    >>> a \, b \quad c \hspace{1cm} d
    a b c d
    """
    return redundant_braces([node for node in row if not is_space(node)], style)


def no_size(row: Row, _: Style) -> Row:
    r"""Drop the sizes of delimiters, and those that are not seen.

    >>> \left( \big[ x \big] \right)^2 + \left. y \right|_0
    ( [ x ] ) ^ { 2 } + y | _ { 0 }
    """
    changed: Row = []
    for node in row:
        head = node.nucleus if isinstance(node, Scripts) else node
        plain = _plain(head)
        if plain and isinstance(node, Scripts):
            changed += plain[:-1]
            node.nucleus = plain[-1]
            changed.append(node)
        elif plain is not None and not isinstance(node, Scripts):
            changed += plain
        else:
            changed.append(node)
    return changed


def _plain(node: Node) -> Row | None:
    """The nodes that take the place of a sized delimiter or a fence; None for any other node."""
    if isinstance(node, Command) and node.name in _SIZES:
        return [_visible(str(getattr(node.arguments[0].body[0], "text", ".")))]
    if isinstance(node, Fence):
        left = [] if node.left == "." else [_visible(node.left)]
        return [*left, *node.body, _visible(node.right)]
    return None


def _visible(delimiter: str) -> Node:
    return Group([]) if delimiter == "." else Token(delimiter)


def no_style(row: Row, _: Style) -> Row:
    r"""Drop the style switches and the styles of fractions.

    >>> \dfrac{a}{b} + \displaystyle\sum_i x_i
    \frac { a } { b } + \sum _ { i } x _ { i }
    """
    for node in heads(row):
        if isinstance(node, Command):
            node.name = _FRACTIONS.get(node.name, node.name)
    return [node for node in row if not (isinstance(node, Token) and node.text in STYLE_SWITCHES)]
