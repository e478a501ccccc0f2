r"""Rules for symbols with several names: one glyph of one class, one name."""

from im2latex.latex.tree import Command, Fence, Node, Row, Scripts, Style, Token, heads

SYNONYMS = {
    "\\leq": "\\le",
    "\\geq": "\\ge",
    "\\neq": "\\ne",
    "\\rightarrow": "\\to",
    "\\leftarrow": "\\gets",
    "\\land": "\\wedge",
    "\\lor": "\\vee",
    "\\lnot": "\\neg",
    "\\owns": "\\ni",
    "\\lbrace": "\\{",
    "\\rbrace": "\\}",
    "\\rbrack": "]",
    "\\vert": "|",
    "\\Vert": "\\|",
    "\\ast": "*",
    "\\Box": "\\square",
    "\\Diamond": "\\lozenge",
    "\\leadsto": "\\rightsquigarrow",
    "\\restriction": "\\upharpoonright",
    "\\Doteq": "\\doteqdot",
    "\\doublecup": "\\Cup",
    "\\doublecap": "\\Cap",
    "\\llless": "\\lll",
    "\\gggtr": "\\ggg",
    "\\dasharrow": "\\dashrightarrow",
    "\\hdots": "\\ldots",
}
"""Pairs that LaTeX, amsmath and amssymb define as the same character, in fontmath.ltx, amsmath.sty and amssymb.sty."""

_DELIMITERS = SYNONYMS | {"<": "\\langle", ">": "\\rangle", "\\lbrack": "["}


def synonym(row: Row, _: Style) -> Row:
    r"""One name for each symbol.

    >>> a \leq b \rightarrow \lbrace c \vert d \rbrace
    a \le b \to \{ c | d \}
    """
    for node in heads(row):
        if isinstance(node, Token):
            node.text = SYNONYMS.get(node.text, node.text)
    return row


def delimiter_name(row: Row, _: Style) -> Row:
    r"""One name for each delimiter that grows.

    >>> \left< x \right> \big\lbrack y \big\rbrack
    \left \langle x \right \rangle \big [ y \big ]
    """
    for node in heads(row):
        if isinstance(node, Fence):
            node.left = _DELIMITERS.get(node.left, node.left)
            node.right = _DELIMITERS.get(node.right, node.right)
        elif isinstance(node, Command):
            for argument in node.arguments:
                if argument.kind == "d":
                    argument.body = [Token(_delimiter(inner)) for inner in argument.body]
    return row


def _delimiter(node: Node) -> str:
    assert isinstance(node, Token)
    return _DELIMITERS.get(node.text, node.text)


def not_equal(row: Row, _: Style) -> Row:
    r"""`\ne` is defined as `\not=`.

    >>> a \not= b
    a \ne b
    """
    changed: Row = []
    for node in row:
        head = node.nucleus if isinstance(node, Scripts) else node
        struck = bool(changed) and changed[-1] == Token("\\not")
        if struck and isinstance(head, Token) and head.text == "=":
            changed.pop()
            head.text = "\\ne"
        changed.append(node)
    return changed
