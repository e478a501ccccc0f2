"""Serializer: a syntax tree to canonical tokens.

Every argument and script is in braces, the subscript before the superscript (unless it sets a color: see
`tree.sets_colour`). The tokens parse to the same tree.
"""

from im2latex.errors import LatexError
from im2latex.latex.parser.quantities import QUANTITIES
from im2latex.latex.parser.signatures import BORDERED, BRACKET_AFTER_SPACE, SUBARRAYS
from im2latex.latex.parser.tree import (
    Argument,
    Command,
    Environment,
    Fence,
    Group,
    Inline,
    Node,
    Row,
    Scripts,
    Token,
    limit_recursion,
    sets_colour,
)
from im2latex.latex.text_serializer import TextWriter
from im2latex.latex.tokens import one_word

_BARE = frozenset("d") | QUANTITIES.keys()
_RAW = frozenset("byrq")
r"""Kinds whose spaces would count, so that they are part of the name's token: `\color{red}`."""
_READ_BY_BREAK = frozenset("*[")
_RIGHT_BEHIND_BRACKET = frozenset(["\\leftroot", "\\uproot"])
r"""Commands that amsmath's `\root` finds by `\futurelet`, which does not skip a space."""


@limit_recursion
def write(row: Row) -> list[str]:
    """Return the tokens of a row."""
    tokens: list[str] = []
    _write_row(row, tokens)
    return tokens


def _write_row(row: Row, out: list[str]) -> None:
    for node in row:
        _write_node(node, out)


def _write_node(node: Node, out: list[str]) -> None:
    if type(node) is Token:  # the common case
        if node.text in _READ_BY_BREAK and out and out[-1].startswith("\\\\"):
            out.append(_behind_break(node.text, out))
        elif node.text:
            out.append(node.text)
        return
    match node:
        case Group():
            _write_braced(node.body, out)
        case Command():
            _write_command(node, out)
        case Scripts():
            _write_node(node.nucleus, out)
            scripts = (("_", node.sub), ("^", node.sup))
            for mark, script in reversed(scripts) if node.sub and sets_colour(node.sub) else scripts:
                if script is not None:
                    out.append(mark)
                    _write_braced(script, out)
        case Fence():
            out += ("\\left", node.left)
            _write_row(node.body, out)
            out += ("\\right", node.right)
        case Environment():
            _write_environment(node, out)
        case Inline():
            out.append(f"${one_word(write(node.body))}$")


def _holds_open_bracket(tokens: list[str]) -> bool:
    """Whether a bracket in the tokens is outside of braces, where it would end an optional argument."""
    depth = 0
    for token in tokens:
        depth += (token == "{") - (token == "}")
        if depth == 0 and "]" in token:
            return True
    return False


def _write_braced(row: Row, out: list[str]) -> None:
    out.append("{")
    _write_row(row, out)
    out.append("}")


def _write_command(command: Command, out: list[str]) -> None:
    if command.arguments and command.arguments[-1].kind in "tv":
        _write_text_command(command, out)
        return
    out.append(command.name)
    for argument in command.arguments:
        if argument.kind in _BARE:
            _write_row(argument.body, out)
        elif argument.kind in "fu":
            _write_field(argument, out)
        elif argument.kind in _RAW:
            out[-1] += f"[{_raw(argument)}]" if argument.kind in "by" else f"{{{_raw(argument)}}}"
        elif argument.kind == "o":
            _write_optional(argument.body, out)
        elif argument.kind == "c":
            _write_columns(argument.body, out)
        else:
            _write_braced(argument.body, out)


def _write_optional(row: Row, out: list[str]) -> None:
    """Write an optional argument; part of the name's token where the macro reads what directly follows the bracket."""
    if row and isinstance(row[0], Command) and row[0].name in _RIGHT_BEHIND_BRACKET:
        out[-1] += f"[{one_word(write(row))}]"
        return
    inside = write(row)
    out += ["[", *(["{", *inside, "}"] if _holds_open_bracket(inside) else inside), "]"]


def _write_field(argument: Argument, out: list[str]) -> None:
    """Write a single symbol as it is, all else in braces; a bracket might end an optional argument around it."""
    alone = argument.body[0] if len(argument.body) == 1 else None
    if isinstance(alone, Token) and (argument.kind == "f" or not alone.text.isalnum()):
        out.append("\\rbrack" if alone.text == "]" else alone.text)
    else:
        _write_braced(argument.body, out)


def _behind_break(text: str, out: list[str]) -> str:
    r"""Return a star or bracket after a row break, under a name that `\\` does not read."""
    if text == "*":
        return "\\ast"
    closed = 0
    for index in range(len(out) - 1, -1, -1):
        token = out[index]
        if token == "}" or token.startswith("\\end{"):
            closed += 1
        elif token == "{" or token.startswith("\\begin{"):
            if not closed and token != "{":
                return "\\lbrack" if token[7:].partition("}")[0] in BRACKET_AFTER_SPACE else text
            if not closed and index and out[index - 1] in SUBARRAYS:
                return text
            closed = max(closed - 1, 0)
    return "\\lbrack"


def _write_columns(columns: Row, out: list[str]) -> None:
    """Write one token per column; keywords of a rule stay separate from its name, since only a space can end it."""
    out.append("{")
    for column in columns:
        if isinstance(column, Command):
            out += f"{column.name}{{{one_word(write(column.arguments[0].body))}}}".split(" ")
        else:
            _write_node(column, out)
    out.append("}")


def _write_text_command(command: Command, out: list[str]) -> None:
    """Write one token, since a space would print; the arguments before the text are part of it."""
    before = "".join(
        f"[{_raw(argument)}]" if argument.kind in "by" else f"{{{_raw(argument)}}}"
        for argument in command.arguments[:-1]
    )
    out.append(f"{command.name}{before}{{{text(command.arguments[-1])}}}")


def _raw(argument: Argument) -> str:
    return one_word(write(argument.body))


def text(argument: Argument) -> str:
    """Return a text as one word (`TextWriter`); raises `LatexError` for a rule with keywords, which need a space."""
    word = TextWriter(write, is_paragraph=argument.kind == "v").text(argument.body)
    if " " in word:
        raise LatexError("forbidden_command", f"{word.split(' ')[1]} inside a text")
    return word


def _write_environment(environment: Environment, out: list[str]) -> None:
    end = f"\\end{{{environment.name}}}"
    if environment.name == BORDERED:
        out += (BORDERED, "{")
        end = "}"
    else:
        out.append(f"\\begin{{{environment.name}}}{environment.option}")
    for argument in environment.arguments:
        if argument.kind == "w":
            out[-1] += f"{{{_raw(argument)}}}"
        elif argument.kind == "c":
            _write_columns(argument.body, out)
        else:
            _write_braced(argument.body, out)
    for index, row in enumerate(environment.rows):
        for column, cell in enumerate(row):
            if column:
                out.append("&")
            _write_row(cell, out)
        if index < len(environment.breaks):
            out.append(environment.breaks[index])
    out.append(end)
