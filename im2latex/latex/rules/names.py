"""Rules for symbols with several names: one name for each glyph and class."""

from im2latex.latex.parser.symbols import symbol_classes
from im2latex.latex.parser.tree import Command, Fence, MathStyle, Node, Row, Scripts, Token, nuclei, with_styles
from im2latex.latex.tokens import split

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
"""Names that fontmath.ltx, amsmath.sty and amssymb.sty define as the same character."""

_INTEGRALS = frozenset(split(r"\int \oint \iint \iiint \iiiint \idotsint \smallint"))
_DELIMITERS = SYNONYMS | {"<": "\\langle", ">": "\\rangle", "\\lbrack": "["}


def synonym(row: Row, _: MathStyle) -> Row:
    r"""Use one name for each symbol.

    >>> a \leq b \rightarrow \lbrace c \vert d \rbrace
    a \le b \to \{ c | d \}
    """
    for node in nuclei(row):
        if isinstance(node, Token) and node.text in SYNONYMS:
            node.text = SYNONYMS[node.text]
    return row


def delimiter_name(row: Row, _: MathStyle) -> Row:
    r"""Use one name for each growing delimiter.

    >>> \left< x \right> \big\lbrack y \big\rbrack
    \left \langle x \right \rangle \big [ y \big ]
    """
    for node in nuclei(row):
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


def not_equal(row: Row, _: MathStyle) -> Row:
    r"""Replace `\not=` by `\ne`, which is defined so.

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


_LIMIT_FUNCTIONS = frozenset(split(r"\det \gcd \inf \lim \max \min \Pr \sup"))
_FUNCTIONS = _LIMIT_FUNCTIONS | frozenset(
    split(r"""\arccos \arcsin \arctan \arg \cos \cosh \cot \coth \csc \deg \dim \exp \hom \ker \lg \ln \log \sec \sin
    \sinh \tan \tanh""")
)
_PLACINGS = (Token("\\limits"), Token("\\nolimits"))


def function_name(row: Row, style: MathStyle) -> Row:
    r"""Use LaTeX's commands for functions; the star matters where there are limits.

    >>> \operatorname{sin} x + \operatorname*{lim}_{x} y
    \sin x + \lim _ { x } y
    """
    nexts = [*nuclei(row[1:]), None]
    for index, ((node, here), after) in enumerate(zip(with_styles(row, style), nexts, strict=False)):
        head = node.nucleus if isinstance(node, Scripts) else node
        name = _function(head)
        if name not in _FUNCTIONS:
            continue
        assert isinstance(head, Command)
        has_limits = here == MathStyle.DISPLAY and (isinstance(node, Scripts) or after in _PLACINGS)
        if has_limits and (name in _LIMIT_FUNCTIONS) != head.name.endswith("*"):
            continue
        if isinstance(node, Scripts):
            node.nucleus = Token(name)
        else:
            row[index] = Token(name)
    return row


def _function(node: Node) -> str:
    if not isinstance(node, Command) or node.name not in ("\\operatorname", "\\operatorname*"):
        return ""
    return "\\" + "".join(part.text if isinstance(part, Token) else " " for part in node.arguments[0].body)


def usual_limits(row: Row, style: MathStyle) -> Row:
    r"""Remove `\limits` and `\nolimits` where they are TeX's default.

    >>> \sum\limits_{i} x + \int\limits_a y
    \sum _ { i } x + \int \limits _ { a } y
    """
    changed: Row = []
    for node, here in with_styles(row, style):
        head = node.nucleus if isinstance(node, Scripts) else node
        before = changed[-1] if changed else None
        if head in _PLACINGS and before is not None and _places(before, here) == head:
            if isinstance(node, Scripts):
                node.nucleus = changed.pop()
                changed.append(node)
        else:
            changed.append(node)
    return changed


def _places(operator: Node, style: MathStyle) -> Token | None:
    """Return TeX's default position of an operator's limits; None for other nodes."""
    limits, beside = _PLACINGS
    if isinstance(operator, Command) and operator.name == "\\sideset":  # \sideset is a \mathop
        return limits if style == MathStyle.DISPLAY else beside
    if isinstance(operator, Token):
        if operator.text in _FUNCTIONS - _LIMIT_FUNCTIONS or operator.text in _INTEGRALS:
            return beside
        if operator.text in _LIMIT_FUNCTIONS or operator.text in symbol_classes()["op"]:
            return limits if style == MathStyle.DISPLAY else beside
    return None
