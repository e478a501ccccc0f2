r"""Lossy rules, which change the image: they drop spacing, delimiter sizes and styles.

The profile `compact` runs all of them, `faithful` those in `enable_rules`; `disable_rules` switches any of them off.
"""

from im2latex.latex.parser.signatures import COMMANDS, CONTROL_SPACE, SPACE_COMMANDS, SPACES, STYLE_SWITCHES
from im2latex.latex.parser.tree import Command, Fence, Group, MathStyle, Node, Row, Scripts, Token, nuclei
from im2latex.latex.rules.structure import redundant_braces

FRACTIONS = {"\\dfrac": "\\frac", "\\tfrac": "\\frac", "\\dbinom": "\\binom", "\\tbinom": "\\binom"}
SIZES = frozenset(name for name, kinds in COMMANDS.items() if kinds == "d") - {"\\middle"}
QUADS = frozenset(["\\quad", "\\qquad", "\\enspace", "\\enskip"])
WORD_SPACES = frozenset(["~", "\\space", CONTROL_SPACE])
FILLS = frozenset(["\\hfill", "\\hfil"])
THIN_SPACES = SPACES - QUADS - WORD_SPACES - FILLS


def no_thin_space(row: Row, style: MathStyle) -> Row:
    r"""Drop thin, medium, thick and negative spaces, and the braces that then contain one atom.

    >>> a \, b \! c \; d
    a b c d
    """
    return _without(row, style, THIN_SPACES)


def no_quad(row: Row, style: MathStyle) -> Row:
    r"""Drop the spaces of an em, of half and of two.

    >>> a \quad b \enspace c
    a b c
    """
    return _without(row, style, QUADS)


def no_word_space(row: Row, style: MathStyle) -> Row:
    r"""Drop the spaces between words.

    >>> a~b\ c
    a b c
    """
    return _without(row, style, WORD_SPACES)


def no_length(row: Row, style: MathStyle) -> Row:
    r"""Drop the spaces of a given length.

    >>> a \hspace{1cm} b \mkern-3mu c
    a b c
    """
    return _without(row, style, SPACE_COMMANDS)


def no_fill(row: Row, style: MathStyle) -> Row:
    r"""Drop the spaces that stretch.

    >>> a \hfill b
    a b
    """
    return _without(row, style, FILLS)


def _without(row: Row, style: MathStyle, names: frozenset[str]) -> Row:
    def dropped(node: Node) -> bool:
        return (isinstance(node, Token) and node.text in names) or (isinstance(node, Command) and node.name in names)

    return redundant_braces([node for node in row if not dropped(node)], style)


def no_left_right(row: Row, _: MathStyle) -> Row:
    r"""Use plain delimiters instead of growing ones, and drop the empty ones.

    >>> \left( x \middle| y \right)^2 + \left. z \right|_0
    ( x | y ) ^ { 2 } + z | _ { 0 }
    """
    return _unsized(row, frozenset(["\\middle"]), fences=True)


def no_delimiter_size(row: Row, _: MathStyle) -> Row:
    r"""Drop the explicit sizes of delimiters.

    >>> \big[ x \bigr]^2
    [ x ] ^ { 2 }
    """
    return _unsized(row, SIZES, fences=False)


def _unsized(row: Row, names: frozenset[str], fences: bool) -> Row:
    """Replace the commands of these names, and if requested fences, by plain delimiters."""
    changed: Row = []
    for node in row:
        head = node.nucleus if isinstance(node, Scripts) else node
        sized = fences if isinstance(head, Fence) else isinstance(head, Command) and head.name in names
        plain = _plain(head) if sized else None
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
    """Return the nodes that replace a sized delimiter or a fence; None for any other node."""
    if isinstance(node, Command):
        return [_visible(str(getattr(node.arguments[0].body[0], "text", ".")))]
    if isinstance(node, Fence):
        left = [] if node.left == "." else [_visible(node.left)]
        return [*left, *node.body, _visible(node.right)]
    return None


def _visible(delimiter: str) -> Node:
    return Group([]) if delimiter == "." else Token(delimiter)


def no_style_switch(row: Row, _: MathStyle) -> Row:
    r"""Drop the style switches.

    >>> x \textstyle\sum_i x_i
    x \sum _ { i } x _ { i }
    """
    return [node for node in row if not (isinstance(node, Token) and node.text in STYLE_SWITCHES)]


def no_fraction_style(row: Row, _: MathStyle) -> Row:
    r"""Drop the styles of fractions and binomials.

    >>> \dfrac{a}{b} + \tbinom{n}{k}
    \frac { a } { b } + \binom { n } { k }
    """
    for node in nuclei(row):
        if isinstance(node, Command):
            node.name = FRACTIONS.get(node.name, node.name)
    return row
