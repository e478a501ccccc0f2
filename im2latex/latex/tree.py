r"""The formula as a tree: seven kinds of node, and how to visit every row of them.

A row is a list of nodes, as TeX's math list is: the formula itself, the inside of braces, an argument, a script, a
table cell. Rules rewrite rows. The tree has no place for what does not show: how an argument was braced, which script
came first, where the spaces were; so those spellings are gone before any rule runs.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum


class Style(IntEnum):
    """TeX's math styles, as far as the size of text depends on them."""

    DISPLAY = 0
    TEXT = 1
    SCRIPT = 2

    @property
    def in_fraction(self) -> "Style":
        """The style of a numerator or denominator."""
        return Style(min(self + 1, Style.SCRIPT))


@dataclass(slots=True)
class Token:
    """One symbol, printed as it is."""

    text: str


@dataclass(slots=True)
class Group:
    """A brace group, which TeX makes an ordinary atom."""

    body: list["Node"]


@dataclass(slots=True)
class Argument:
    """One argument of a command; `kind` is a letter of `signatures.KINDS`."""

    kind: str
    body: list["Node"]


@dataclass(slots=True)
class Command:
    r"""A control sequence with its arguments; a star belongs to the name (`\operatorname*`)."""

    name: str
    arguments: list[Argument] = field(default_factory=list)


@dataclass(slots=True)
class Scripts:
    """A nucleus with a subscript, a superscript or both."""

    nucleus: "Node"
    sub: list["Node"] | None = None
    sup: list["Node"] | None = None


@dataclass(slots=True)
class Fence:
    r"""`\left` and `\right` with what stands between."""

    left: str
    body: list["Node"]
    right: str


@dataclass(slots=True)
class Environment:
    r"""Rows of cells; `breaks[i]` is the `\\` that ends row i, so there is one fewer break than rows."""

    name: str
    option: str
    arguments: list[Argument]
    rows: list[list[list["Node"]]]
    breaks: list[str]


@dataclass(slots=True)
class Inline:
    """Mathematics between dollar signs inside a text."""

    body: list["Node"]


Node = Token | Group | Command | Scripts | Fence | Environment | Inline
Row = list[Node]
Rewrite = Callable[[Row, Style], Row]

_NUMERATORS = {"\\frac", "\\binom", "\\genfrac"}
_ARGUMENT_STYLES = {
    "\\dfrac": Style.TEXT,
    "\\dbinom": Style.TEXT,
    "\\cfrac": Style.TEXT,
    "\\tfrac": Style.SCRIPT,
    "\\tbinom": Style.SCRIPT,
    "\\substack": Style.SCRIPT,
}
_SCRIPT_ARGUMENTS = {"\\overset": 1, "\\underset": 1, "\\stackrel": 1, "\\xrightarrow": 2, "\\xleftarrow": 2}
_STYLE_SWITCHES = {
    "\\displaystyle": Style.DISPLAY,
    "\\textstyle": Style.TEXT,
    "\\scriptstyle": Style.SCRIPT,
    "\\scriptscriptstyle": Style.SCRIPT,
}
_CELL_STYLES = {
    "array": Style.TEXT,
    "cases": Style.TEXT,
    "rcases": Style.TEXT,
    "smallmatrix": Style.SCRIPT,
    "subarray": Style.SCRIPT,
}


def rewrite(row: Row, rule: Rewrite, style: Style = Style.DISPLAY, outside: frozenset[str] = frozenset()) -> None:
    """Apply `rule` in place to every row, the innermost first, but not inside the commands named by `outside`."""
    for node, here in styled(row, style):
        for inner, inner_style in rows_of(node, here, outside):
            rewrite(inner, rule, inner_style, outside)
    changed = rule(row, style)
    if changed is not row:
        row[:] = changed


def styled(row: Row, style: Style) -> Iterator[tuple[Node, Style]]:
    r"""Each node with the style in force there, `\displaystyle` and its kin respected."""
    for node in row:
        if type(node) is Token:
            style = _STYLE_SWITCHES.get(node.text, style)
        yield node, style


def rows_of(node: Node, style: Style, outside: frozenset[str] = frozenset()) -> Iterator[tuple[Row, Style]]:
    """The rows directly inside a node, with the style of each; none in a command named by `outside`."""
    match node:
        case Token():
            return
        case Group() | Fence():
            yield node.body, style
        case Inline():
            yield node.body, Style.TEXT
        case Scripts():
            yield from rows_of(node.nucleus, style, outside)
            if node.sub is not None:
                yield node.sub, Style.SCRIPT
            if node.sup is not None:
                yield node.sup, Style.SCRIPT
        case Command() if node.name not in outside:
            for index, argument in enumerate(node.arguments):
                if argument.kind in "mo":
                    yield argument.body, _argument_style(node.name, index, style)
                elif argument.kind == "t":
                    yield from _rows_of_text(argument.body)
        case Environment():
            cell_style = _CELL_STYLES.get(node.name, Style.TEXT if "matrix" in node.name else Style.DISPLAY)
            for row in node.rows:
                for cell in row:
                    yield cell, cell_style


def _rows_of_text(text: Row) -> Iterator[tuple[Row, Style]]:
    """A text is no row of mathematics, but may hold some."""
    for node in text:
        if isinstance(node, Group):
            yield from _rows_of_text(node.body)
        elif not isinstance(node, Token):
            yield from rows_of(node, Style.TEXT)


def copied(row: Row) -> Row:
    """A row of the same nodes that shares none of them."""
    return [_copy(node) for node in row]


def _copy(node: Node) -> Node:
    match node:
        case Token():
            return Token(node.text)
        case Group():
            return Group(copied(node.body))
        case Inline():
            return Inline(copied(node.body))
        case Command():
            return Command(node.name, _arguments(node.arguments))
        case Scripts():
            scripts = (script if script is None else copied(script) for script in (node.sub, node.sup))
            return Scripts(_copy(node.nucleus), *scripts)
        case Fence():
            return Fence(node.left, copied(node.body), node.right)
        case Environment():
            rows = [[copied(cell) for cell in cells] for cells in node.rows]
            return Environment(node.name, node.option, _arguments(node.arguments), rows, list(node.breaks))


def _arguments(arguments: list[Argument]) -> list[Argument]:
    return [Argument(argument.kind, copied(argument.body)) for argument in arguments]


def heads(row: Row) -> Iterator[Node]:
    """The nodes of a row, a scripted one by its nucleus."""
    for node in row:
        yield node.nucleus if isinstance(node, Scripts) else node


def _argument_style(name: str, index: int, style: Style) -> Style:
    if name in _NUMERATORS:
        return style.in_fraction
    if index < _SCRIPT_ARGUMENTS.get(name, 0):
        return Style.SCRIPT
    return _ARGUMENT_STYLES.get(name, style)
