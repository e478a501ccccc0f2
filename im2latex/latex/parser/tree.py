"""Syntax tree of a formula: seven kinds of node, the traversal of its rows, and the limit on its depth.

A row is a list of nodes, like TeX's math list: the formula itself, the inside of braces, an argument, a script, a table
cell. Rules rewrite rows. The tree does not represent what does not print: braces around arguments, the order of
scripts, spaces in mathematics; so those spellings are unified before any rule runs.

The depth (reason `too_deep`) counts braces, environments and fences in the source; the parser adds arguments without
braces, since they are written with braces. So a normalized formula passes the check again. `limit_recursion` converts
Python's RecursionError, for callers that leave little stack, to the same error.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import wraps
from itertools import chain
from typing import ParamSpec, TypeVar

from im2latex.errors import LatexError
from im2latex.latex.parser.signatures import (
    ARGUMENT_STYLES,
    CELL_STYLES,
    DISPLAYED_TEXTS,
    GENFRAC_STYLES,
    INFIX,
    MAX_DEPTH,
    SMALLER_ARGUMENTS,
    STYLE_SWITCHES,
    SUBARRAYS,
)
from im2latex.latex.parser.signatures import (
    MathStyle as MathStyle,
)


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
    r"""`\left` and `\right` with the row between them."""

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
MATHEMATICS = frozenset("mofu")
"""Kinds of argument that are rows of mathematics."""
FINAL = "x"
"""Kind of an argument in braces that no rule rewrites."""
_STYLED = MATHEMATICS | {FINAL}
_DISPLAY, _TEXT, _SCRIPT = MathStyle  # attributes of an enumeration are slow
Rewrite = Callable[[Row, MathStyle], Row]


def rewrite(
    row: Row,
    rule: Rewrite,
    style: MathStyle = MathStyle.DISPLAY,
    skip_commands: frozenset[str] = frozenset(),
    nodes: frozenset[type[Node]] = frozenset(),
) -> None:
    """Apply `rule` in place to every row, the innermost first, except inside the commands in `skip_commands`.

    If `nodes` is not empty, the rule gets only the rows with a node of these types, or with scripts on one. A table's
    last row that the rule empties gets `{}`: TeX creates no row from nothing after the last row break.
    """
    here = style
    is_wanted = not nodes
    for node in row:
        if type(node) is Token:
            if node.text in STYLE_SWITCHES:
                here = STYLE_SWITCHES[node.text]
            continue
        head = node.nucleus if type(node) is Scripts else node
        is_wanted = is_wanted or type(head) in nodes or type(node) in nodes
        last = _last_row(head)
        for inner, inner_style in child_rows(node, here, skip_commands):
            rewrite(inner, rule, inner_style, skip_commands, nodes)
        if last is not None and _ends_in_break(last):
            last.append(Group([]))
    if is_wanted and (changed := rule(row, style)) is not row:
        row[:] = changed


def _last_row(head: Node) -> Row | None:
    """Return the last row of a table, or all rows of a command, if a rule might leave nothing after the last break."""
    if type(head) is Environment and len(head.rows[-1]) == 1:
        row = head.rows[-1][0]
    elif type(head) is Command and head.name in SUBARRAYS:
        row = head.arguments[-1].body
    else:
        return None
    return None if _ends_in_break(row) else row


def _ends_in_break(last: Row) -> bool:
    return not last or (isinstance(last[-1], Token) and last[-1].text.startswith("\\\\"))


def sets_colour(row: Row) -> bool:
    r"""Whether TeX restores a color after the group that contains the row, so that no script can follow it.

    `\set@color` of color.sty calls `\aftergroup\reset@color`, a whatsit; a script after it has an empty nucleus.
    """
    return any(isinstance(node, Command) and node.name == "\\color" for node in row)


def with_styles(row: Row, style: MathStyle) -> Iterator[tuple[Node, MathStyle]]:
    r"""Yield each node with its math style, following `\displaystyle` and the other switches."""
    for node in row:
        if type(node) is Token:
            style = STYLE_SWITCHES.get(node.text, style)
        yield node, style


def holds_group(row: Row) -> bool:
    """Whether there is a group in braces anywhere in the row; quicker than a rule that finds none."""
    rows = [row]
    for inner in rows:  # grows
        for node in inner:
            head = node
            if type(node) is Scripts:
                rows += [script for script in (node.sub, node.sup) if script]
                head = node.nucleus
            if type(head) is Token:
                continue
            if type(head) is Group:
                return True
            rows += _all_rows(head)
    return False


def _all_rows(node: Node) -> list[Row]:
    """The rows directly inside a node, of arguments of every kind."""
    match node:
        case Scripts():
            return [[node.nucleus], node.sub or [], node.sup or []]
        case Command():
            return [argument.body for argument in node.arguments]
        case Group() | Fence() | Inline():
            return [node.body]
        case Environment():
            return [*(argument.body for argument in node.arguments), *(cell for row in node.rows for cell in row)]
    return []


def child_rows(
    node: Node, style: MathStyle, skip_commands: frozenset[str] = frozenset()
) -> list[tuple[Row, MathStyle]]:
    """Return the rows directly inside a node, with the style of each; none in a command in `skip_commands`."""
    match node:
        case Scripts():
            rows = [] if type(node.nucleus) is Token else child_rows(node.nucleus, style, skip_commands)
            if node.sub is not None:
                rows.append((node.sub, _SCRIPT))
            if node.sup is not None:
                rows.append((node.sup, _SCRIPT))
            return rows
        case Command():
            return [] if node.name in skip_commands else _rows_of_arguments(node, style)
        case Group() | Fence():
            return [(node.body, style)]
        case Inline():
            return [(node.body, _TEXT)]
        case Environment():
            return _rows_of_environment(node)
    return []


def _rows_of_arguments(command: Command, style: MathStyle) -> list[tuple[Row, MathStyle]]:
    styled = [argument for argument in command.arguments if argument.kind in _STYLED]
    styles = _argument_styles(command, len(styled), style)
    rows = [(argument.body, inner) for argument, inner in zip(styled, styles, strict=True) if argument.kind != FINAL]
    if len(styled) < len(command.arguments):
        sets_style = command.name in DISPLAYED_TEXTS
        text_style = _DISPLAY if sets_style and style == _DISPLAY else _TEXT
        for argument in command.arguments:
            if argument.kind in "tv":
                rows += _rows_of_text(argument.body, text_style, sets_style)
            elif argument.kind == "c":
                rows += _rows_of_columns(argument.body)
    return rows


def _rows_of_environment(table: Environment) -> list[tuple[Row, MathStyle]]:
    columns = [_rows_of_columns(argument.body) for argument in table.arguments if argument.kind == "c"]
    style = CELL_STYLES.get(table.name, _DISPLAY)
    return [*chain.from_iterable(columns), *((cell, style) for row in table.rows for cell in row)]


def _argument_styles(command: Command, count: int, style: MathStyle) -> list[MathStyle]:
    """Return the styles of the last `count` arguments that are mathematics."""
    name = command.name
    if name in SMALLER_ARGUMENTS:
        chosen = _text_of(command.arguments[3]) if name == "\\genfrac" else ""
        return [GENFRAC_STYLES.get(chosen, style.in_fraction)] * count
    known = ARGUMENT_STYLES.get(name)
    if known is not None:
        found = [known[place] for place in range(-count, 0)]
        return [style if one is None else one for one in found]
    if count and command.arguments[0].kind == "y":
        style = STYLE_SWITCHES.get(_text_of(command.arguments[0]), style)
    return [style] * count


def _text_of(argument: Argument) -> str:
    """Return the raw word that is an argument, or the empty string."""
    word = argument.body[0] if argument.body else None
    return word.text if isinstance(word, Token) else ""


def _rows_of_text(text: Row, style: MathStyle, sets_style: bool) -> list[tuple[Row, MathStyle]]:
    r"""Return the rows of mathematics between dollar signs in a text, in the given style.

    Where the text sets the style by `\everymath`, the numerator of an infix fraction contains the switch, and no rule
    may change it.
    """
    rows: list[tuple[Row, MathStyle]] = []
    for node in text:
        if type(node) is Token:
            continue
        if isinstance(node, Group):
            rows += _rows_of_text(node.body, style, sets_style)
        elif isinstance(node, Inline):
            if not (sets_style and any(getattr(n, "text", getattr(n, "name", "")) in INFIX for n in node.body)):
                rows.append((node.body, style))
        elif isinstance(node, Command) and sets_style and node.arguments and node.arguments[-1].kind == "t":
            rows += _rows_of_text(node.arguments[-1].body, style, sets_style)
        else:
            rows += child_rows(node, _TEXT)
    return rows


def _rows_of_columns(columns: Row) -> list[tuple[Row, MathStyle]]:
    """Return the mathematics in `@{...}` and similar columns, in text style."""
    return [row for column in columns for row in child_rows(column, _TEXT)]


def nuclei(row: Row) -> Iterator[Node]:
    """Yield the nodes of a row, scripted ones by their nucleus."""
    for node in row:
        yield node.nucleus if isinstance(node, Scripts) else node


def copy_row(row: Row) -> Row:
    """Copy a row with all of its nodes."""
    return [_copy(node) for node in row]


def _copy(node: Node) -> Node:
    match node:
        case Token():
            return Token(node.text)
        case Group():
            return Group(copy_row(node.body))
        case Inline():
            return Inline(copy_row(node.body))
        case Command():
            return Command(node.name, _arguments(node.arguments))
        case Scripts():
            scripts = (script if script is None else copy_row(script) for script in (node.sub, node.sup))
            return Scripts(_copy(node.nucleus), *scripts)
        case Fence():
            return Fence(node.left, copy_row(node.body), node.right)
        case Environment():
            rows = [[copy_row(cell) for cell in cells] for cells in node.rows]
            return Environment(node.name, node.option, _arguments(node.arguments), rows, list(node.breaks))


def _arguments(arguments: list[Argument]) -> list[Argument]:
    return [Argument(argument.kind, copy_row(argument.body)) for argument in arguments]


_NEST = re.compile(r"\\\\|\\(?:begin|left)(?![A-Za-z])|\\(?:end|right)(?![A-Za-z])|\\.|[{}]", re.DOTALL)
_Params = ParamSpec("_Params")
_Result = TypeVar("_Result")


def too_deep_error(position: int | None = None) -> LatexError:
    """Build the error for a formula that is nested too deeply."""
    return LatexError("too_deep", f"more than {MAX_DEPTH} levels", position)


def check_depth(source: str) -> None:
    """Check the nesting depth of LaTeX source, raw or normalized; raises `LatexError`."""
    if source.count("{") + source.count("\\begin") + source.count("\\left") <= MAX_DEPTH:
        return
    depth = 0
    for match in _NEST.finditer(source):
        if match[0] in ("{", "\\begin", "\\left"):
            depth += 1
        elif match[0] in ("}", "\\end", "\\right"):
            depth -= 1
        if depth > MAX_DEPTH:
            raise too_deep_error(match.start())


def limit_recursion(function: Callable[_Params, _Result]) -> Callable[_Params, _Result]:
    """Decorator that converts a RecursionError to the error `too_deep`."""

    @wraps(function)
    def run(*args: _Params.args, **kwargs: _Params.kwargs) -> _Result:
        try:
            return function(*args, **kwargs)
        except RecursionError:
            raise too_deep_error() from None

    return run
