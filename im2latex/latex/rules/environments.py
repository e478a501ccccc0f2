"""Rules for environments: displays, which are invalid inside a formula, and tables."""

from im2latex.latex.parser.tree import Argument, Environment, Group, MathStyle, Row, Scripts, Token, nuclei
from im2latex.latex.rules.structure import holds_infix

_INNER = {
    "split": "aligned",
    "align": "aligned",
    "align*": "aligned",
    "flalign": "aligned",
    "flalign*": "aligned",
    "alignat": "alignedat",
    "alignat*": "alignedat",
    "gather": "gathered",
    "gather*": "gathered",
    "multline": "multlined",
    "multline*": "multlined",
}
_EQNARRAY = ("eqnarray", "eqnarray*")
_DISPLAYS = frozenset([*_INNER, *_EQNARRAY]) - {"split"}
_BARE = ("equation", "equation*", "displaymath", "math")
_WITH_EMPTY_ATOMS = ("aligned", "alignedat", "multlined")
_FILLS = frozenset(["\\hfil", "\\hfill", "\\hss"])
_READ_BY_BREAK = (Token("["), Token("*"))
_DOTS = tuple(map(Token, ("\\dots", "\\ldots", "\\cdots", "\\dotsb", "\\dotsc", "\\dotsm", "\\dotsi", "\\dotso")))
_PLAIN_BREAKS = ("\\\\", "\\\\*")


def display(row: Row, _: MathStyle) -> Row:
    r"""Replace a display, which is a paragraph of its own, by the table that prints its rows inside a formula.

    >>> \begin{align} a &= b \\ c &= d \end{align}
    \begin{aligned} a & = b \\ c & = d \end{aligned}
    """
    changed: Row = []
    for node in row:
        head = node.nucleus if isinstance(node, Scripts) else node
        if isinstance(head, Environment):
            if head.name in _BARE and head is node and len(head.rows) == len(head.rows[0]) == 1:
                changed += head.rows[0][0]
                continue
            if head.name in _DISPLAYS and head.rows[-1] == [[Group([])]] and head.breaks:
                head.rows.pop()  # it held a label or nothing, and a display ends with its last printed row
                head.breaks.pop()
            head.name = _INNER.get(head.name, head.name)
            if head.name in _EQNARRAY:
                head.name = "array"
                head.arguments = [Argument("c", [Token("r"), Token("c"), Token("l")])]
        changed.append(node)
    return changed


def last_row(row: Row, _: MathStyle) -> Row:
    r"""Remove a row break after the last row of a table; it prints only if it has a gap or that row is empty.

    In `multlined` the last line is then the empty one after it (mathtools.sty, `\endmultlined`).

    >>> \begin{matrix} a \\ b \\ \end{matrix}
    \begin{matrix} a \\ b \end{matrix}
    """
    for node in nuclei(row):
        if isinstance(node, Environment) and node.name != "multlined" and _ends_in_idle_break(node):
            node.rows.pop()
            node.breaks.pop()
    return row


def _ends_in_idle_break(table: Environment) -> bool:
    if not table.breaks or table.breaks[-1] not in _PLAIN_BREAKS:
        return False
    return table.rows[-1] == [[]] and table.rows[-2] != [[]]


def cell_braces(row: Row, _: MathStyle) -> Row:
    r"""Remove braces around a whole table cell, which is a formula of its own.

    In `aligned` and similar tables an empty atom precedes every second cell, and braces separate the content from it;
    dots depend on what follows them, and a bracket after a row break would be its gap.

    >>> \begin{array}{cc} {a+b} & {-1} \end{array}
    \begin{array} { c c } a + b & - 1 \end{array}
    """
    for node in nuclei(row):
        if isinstance(node, Environment) and node.name not in _WITH_EMPTY_ATOMS:
            for cells in node.rows:
                needed = cells is node.rows[-1] and len(cells) == 1
                for cell in cells:
                    while len(cell) == 1 and isinstance(cell[0], Group) and _stands_alone(cell[0].body):
                        if needed and not cell[0].body:
                            break
                        cell[:] = cell[0].body
    return row


def _stands_alone(row: Row) -> bool:
    """Whether nothing in the row affects what is outside of it."""
    tokens = [node.text for node in nuclei(row) if isinstance(node, Token)]
    if _FILLS.intersection(tokens) or holds_infix(row):
        return False
    return not row or (next(nuclei(row)) not in _READ_BY_BREAK and next(nuclei(row[-1:])) not in _DOTS)
