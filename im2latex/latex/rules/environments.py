r"""Rules for environments: displays, which no formula can hold, and tables."""

from im2latex.latex.tree import Argument, Environment, Row, Scripts, Style, Token, heads

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
_BARE = ("equation", "equation*", "displaymath", "math")
_PLAIN_BREAKS = ("\\\\", "\\\\*")


def display(row: Row, _: Style) -> Row:
    r"""A display, which is a paragraph of its own, becomes the table that prints its rows inside a formula.

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
            head.name = _INNER.get(head.name, head.name)
            if head.name in _EQNARRAY:
                head.name = "array"
                head.arguments = [Argument("c", [Token("r"), Token("c"), Token("l")])]
        changed.append(node)
    return changed


def last_row(row: Row, _: Style) -> Row:
    r"""A row break behind the last row of a table prints nothing unless it opens a gap.

    >>> \begin{matrix} a \\ b \\ \end{matrix}
    \begin{matrix} a \\ b \end{matrix}
    """
    for node in heads(row):
        if isinstance(node, Environment) and node.rows[-1] == [[]] and node.breaks and node.breaks[-1] in _PLAIN_BREAKS:
            node.rows.pop()
            node.breaks.pop()
    return row
