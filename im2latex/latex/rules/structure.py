"""Rules for fractions, braces, and commands that print nothing."""

from collections.abc import Callable

from im2latex.errors import LatexError
from im2latex.latex.parser.signatures import FONT_SWITCHES, INFIX, LETTER_FONTS, STYLE_SWITCHES
from im2latex.latex.parser.tree import (
    Argument,
    Command,
    Environment,
    Fence,
    Group,
    MathStyle,
    Node,
    Row,
    Scripts,
    Token,
    nuclei,
    sets_colour,
)
from im2latex.latex.rules.atoms import ACCENTS, TRANSPARENT, has_ordinary_nucleus, is_ordinary, is_space
from im2latex.latex.tokens import split

INVISIBLE = frozenset(
    split(r"""\label \nonumber \notag \tag \tag* \empty \ignorespaces \relax \protect \leavevmode \unskip
    \allowdisplaybreaks \nopagebreak \smallskip \medskip \bigskip""")
)
ENSURED = frozenset(["\\ensuremath", "\\TextOrMath"])
_SWITCHES = STYLE_SWITCHES.keys() | FONT_SWITCHES.keys()
_IN_TEXT_STYLE = {"\\frac": "\\tfrac", "\\binom": "\\tbinom"}
_WITHOUT_DELIMITERS = frozenset(["\\over", "\\atop", "\\above"])
_INFIX_DELIMITERS = {"\\choose": "()", "\\brack": "[]", "\\brace": ("\\{", "\\}")}


def invisible(row: Row, _: MathStyle) -> Row:
    r"""Remove labels, tags, numbering and TeX's empty commands, which print nothing inside a formula.

    >>> x = y \label{eq:one} \nonumber
    x = y
    """
    return [node for node in row if getattr(node, "text", getattr(node, "name", "")) not in INVISIBLE]


def ensured(row: Row, _: MathStyle) -> Row:
    r"""Replace `\ensuremath` by its argument and `\TextOrMath` by its second one, as in mathematics.

    >>> a + \ensuremath{b} + \TextOrMath{text}{c}
    a + b + c
    """
    changed: Row = []
    for node in row:
        if isinstance(node, Command) and node.name in ENSURED:
            changed += node.arguments[-1].body
        else:
            changed.append(node)
    return changed


def open_fraction(row: Row, style: MathStyle) -> Row:
    r"""Move `\displaystyle` above the bar of a fraction that spans the whole formula.

    >>> a \over b
    \tfrac { \displaystyle a } { b }
    """
    changed = infix_fraction([Token("\\displaystyle"), *row], style)
    fraction = changed[-1]
    if len(changed) > len(row) or not isinstance(fraction, Command) or not any(map(_infix, row)):
        return row
    fraction.name = _IN_TEXT_STYLE.get(fraction.name, fraction.name)
    if fraction.name == "\\genfrac":
        fraction.arguments[3].body = [Token("1")]
    return changed


def _infix(node: Node) -> str:
    """Return the name of the infix fraction that the node is, or the empty string."""
    name: str = getattr(node, "text", getattr(node, "name", ""))
    return name if name in INFIX else ""


def infix_fraction(row: Row, _: MathStyle) -> Row:
    r"""Replace TeX's infix fractions by commands; a font or color switch above the bar also applies below it.

    A color applies to all that is drawn after it, including the bar and the delimiters. A leading color above the bar
    moves before the fraction; where that would change the image, the fraction stays.

    >>> {\rm a \over b} + {i \atop j} + {\color{red} x \over y}
    \frac { \mathrm { a } } { \mathrm { b } } + \genfrac{}{}{0pt}{} { i } { j } + { \color{red} \frac { x } { y } }
    """
    places = [index for index, node in enumerate(row) if _infix(node)]
    if not places:
        return row
    if len(places) > 1:
        raise LatexError("double_infix", f"{_infix(row[places[1]])} in one group with {_infix(row[places[0]])}")
    node, above, below = row[places[0]], row[: places[0]], row[places[0] + 1 :]
    colours = [index for index, part in enumerate(above) if _colours(part)]
    leading = next((index for index, part in enumerate(above) if not (_colours(part) or _switches(part))), len(above))
    if any(map(_colours, below)) or (colours and (colours[-1] > leading or _infix(node) not in _WITHOUT_DELIMITERS)):
        return row
    switches = [part for part in above if isinstance(part, Token) and part.text in FONT_SWITCHES]
    numerator = Argument("m", [part for part in above if not _colours(part)])
    fraction = _fraction(_infix(node), node, numerator, Argument("m", switches[-1:] + below))
    return [*(above[index] for index in colours), fraction]


def coloured_infix(row: Row, _: MathStyle) -> Row:
    r"""Replace `\textcolor` around a fraction with delimiters by a group, which leaves the left delimiter uncolored.

    >>> \textcolor{red}{n \choose k}
    { \color{red} n \choose k }
    """
    return [_opened(node) if isinstance(node, Command) and node.name == "\\textcolor" else node for node in row]


def _opened(coloured: Command) -> Node:
    *colour, content = coloured.arguments
    if not any(_infix(node) and _infix(node) not in _WITHOUT_DELIMITERS for node in content.body):
        return coloured
    return Group([Command("\\color", colour), *content.body])


def holds_infix(row: Row) -> bool:
    """Whether the row contains an infix fraction that no rule replaced, so that braces around it must stay."""
    return any(map(_infix, row))


def _colours(node: Node) -> bool:
    return isinstance(node, Command) and node.name == "\\color"


def _switches(node: Node) -> bool:
    return isinstance(node, Token) and node.text in _SWITCHES


def _fraction(name: str, node: Node, numerator: Argument, denominator: Argument) -> Command:
    if name == "\\over":
        return Command("\\frac", [numerator, denominator])
    if name == "\\choose":
        return Command("\\binom", [numerator, denominator])
    given = [argument.body for argument in node.arguments] if isinstance(node, Command) else []
    rule: Row = [Token("0pt")]
    if name in ("\\above", "\\abovewithdelims"):
        rule = given.pop()
    elif name == "\\overwithdelims":
        rule = []
    if name in _INFIX_DELIMITERS:
        given = [[Token(delimiter)] for delimiter in _INFIX_DELIMITERS[name]]
    left, right = given or ([], [])
    head = [Argument("r", word) for word in (left, right, rule, [])]
    return Command("\\genfrac", [*head, numerator, denominator])


def redundant_braces(row: Row, _: MathStyle) -> Row:
    r"""Remove braces around one ordinary atom, and doubled braces; `{=}` and `{a,}` stay.

    TeX itself removes the braces of a single ordinary atom (The TeXbook, appendix G; tex.web, section 1186).

    >>> {{x}}^{{2}} {=} {\frac{a}{b}}
    x ^ { 2 } { = } \frac { a } { b }
    """
    for index, node in enumerate(row):
        if isinstance(node, Token):
            continue
        if isinstance(node, Scripts):
            node.nucleus = _bare(node.nucleus)
        else:
            if len(row) > 1:
                row[index] = _bare(node)
            _undouble_colour(node)
        _tidy_inside(node)
    return row


def _undouble_colour(node: Node) -> None:
    """Remove doubled braces around a color without a following script, so that its end may move out of the node."""
    match node:
        case Group(body):
            _undouble_if(body, lambda _: True)
        case Command(name, [Argument("m", body)]) if name in LETTER_FONTS:
            _undouble_if(body, lambda _: True)


def accent_braces(row: Row, _: MathStyle) -> Row:
    r"""Remove doubled braces under one accent; under two, amsmath examines them.

    >>> \tilde{{\mathbf{u}}} + \bar{\tilde{{\mathbf{u}}}}
    \tilde { \mathbf { u } } + \bar { \tilde { { \mathbf { u } } } }
    """
    for head in nuclei(row):
        if isinstance(head, Command) and head.name in ACCENTS:
            _undouble_if(head.arguments[0].body, _has_no_accent)
    return row


def _undouble_if(row: Row, may: Callable[[Group], bool]) -> None:
    while len(row) == 1 and isinstance(row[0], Group) and may(row[0]) and not holds_infix(row[0].body):
        row[:] = row[0].body


def _has_no_accent(group: Group) -> bool:
    return not any(isinstance(head, Command) and head.name in ACCENTS for head in nuclei(group.body))


def _has_ordinary_edges(group: Group) -> bool:
    """Whether amsmath classifies the bold symbol as ordinary both with the braces and without."""
    return bool(group.body) and has_ordinary_nucleus(group.body[0]) and has_ordinary_nucleus(group.body[-1])


def _bare(node: Node) -> Node:
    """Return the ordinary atom that is the only node of a group, or the node itself."""
    if not isinstance(node, Group):
        return node
    _undouble(node.body)
    if len(node.body) == 1 and is_ordinary(node.body[0]):
        return node.body[0]
    return node


def _tidy_inside(node: Node) -> None:
    """Remove braces around a whole row of the node, which rules on that row do not see."""
    match node:
        case Scripts():
            _undouble(node.sub)
            _undouble(node.sup)
            _tidy_inside(node.nucleus)
        case Command() if node.name in TRANSPARENT:
            _undouble_if(node.arguments[0].body, _has_ordinary_edges)
        case Command():
            for argument in node.arguments:
                if argument.kind in "mo" and _may_undouble(node.name, argument.body):
                    _undouble(argument.body)
        case Group():
            _undouble(node.body)
        case Fence():
            node.body[:] = _bare_alone(node.body)
        case Environment():
            for cell in (cell for row in node.rows for cell in row):
                cell[:] = _bare_alone(cell)


def _bare_alone(row: Row) -> Row:
    return [_bare(row[0])] if len(row) == 1 else row


def _may_undouble(name: str, row: Row) -> bool:
    """Amsmath looks for another accent in an accent's argument; only a single symbol is safe there."""
    if name not in ACCENTS or not row or not isinstance(row[0], Group):
        return True
    return len(row[0].body) == 1 and isinstance(row[0].body[0], Token)


def _undouble(row: Row | None) -> None:
    while row and len(row) == 1 and isinstance(row[0], Group) and _ends_here(row[0].body):
        row[:] = row[0].body


def _ends_here(row: Row) -> bool:
    """Whether nothing in the row has an effect up to the end of the surrounding group, or after it."""
    return not holds_infix(row) and not sets_colour(row)


def trailing_break(row: Row, style: MathStyle) -> Row:
    r"""Remove a row break at the end of the formula before a font or a fraction takes it in.

    >>> {\rm a + b \\}
    \mathrm { a + b }
    """
    return outermost(row, style)


def outermost(row: Row, _: MathStyle) -> Row:
    r"""Remove what prints nothing around the formula: braces, a leading `\displaystyle`, trailing space and breaks.

    Space before the formula moves the image on its pixel grid, and stays.

    >>> {\displaystyle a + b \,} \quad
    a + b
    """
    while row:
        if isinstance(row[0], Token) and row[0].text == "\\displaystyle":
            row = row[1:]
        elif isinstance(row[0], Group) and len(row) == 1 and not holds_infix(row[0].body):
            row = row[0].body
        elif is_space(row[-1]) or _prints_nothing_at_the_end(row[-1]):
            row = row[:-1]
        else:
            break
    return row


def _prints_nothing_at_the_end(node: Node) -> bool:
    return isinstance(node, Token) and (node.text.startswith("\\\\") or node.text in _SWITCHES)
