r"""A tree to tokens: the one spelling of everything.

Every argument and script stands in braces, the subscript before the superscript, and every token apart from its
neighbours by one space. The result parses to the same tree.
"""

from im2latex.errors import LatexError
from im2latex.latex.depth import guarded
from im2latex.latex.quantities import QUANTITIES
from im2latex.latex.tokens import squeeze
from im2latex.latex.tree import Argument, Command, Environment, Fence, Group, Inline, Node, Row, Scripts, Token
from im2latex.latex.write_text import TextWriter

_BARE = frozenset("d") | QUANTITIES.keys()
_RAW = frozenset("br")
"""Kinds whose spaces would count, so that they are part of the name's token: `\\color{red}`."""


@guarded
def write(row: Row) -> list[str]:
    """The tokens of a row."""
    tokens: list[str] = []
    _write_row(row, tokens)
    return tokens


def _write_row(row: Row, out: list[str]) -> None:
    for node in row:
        _write_node(node, out)


def _write_node(node: Node, out: list[str]) -> None:
    if type(node) is Token:  # the common case
        # a star right behind a row break would belong to it
        out.append("\\ast" if node.text == "*" and out and out[-1].startswith("\\\\") else node.text)
        return
    match node:
        case Group():
            _write_braced(node.body, out)
        case Command():
            _write_command(node, out)
        case Scripts():
            _write_node(node.nucleus, out)
            for mark, script in (("_", node.sub), ("^", node.sup)):
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
            out.append(f"${squeeze(' '.join(write(node.body)))}$")


def _holds_open_bracket(tokens: list[str]) -> bool:
    """Whether a bracket in the tokens stands outside braces, where it would end an optional argument."""
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
    if command.arguments and command.arguments[-1].kind == "t":
        _write_text_command(command, out)
        return
    out.append(command.name)
    for argument in command.arguments:
        if argument.kind in _BARE:
            _write_row(argument.body, out)
        elif argument.kind in _RAW:
            out[-1] += f"[{_raw(argument)}]" if argument.kind == "b" else f"{{{_raw(argument)}}}"
        elif argument.kind == "o":
            out.append("[")
            inside = write(argument.body)
            out += ["{", *inside, "}"] if _holds_open_bracket(inside) else inside
            out.append("]")
        elif argument.kind == "c":
            _write_columns(argument.body, out)
        else:
            _write_braced(argument.body, out)


def _write_columns(columns: Row, out: list[str]) -> None:
    """One token a column; the keywords of a rule in one stay apart from its name, for nothing else can part them."""
    out.append("{")
    for column in columns:
        if isinstance(column, Command):
            out += f"{column.name}{{{squeeze(' '.join(write(column.arguments[0].body)))}}}".split(" ")
        else:
            _write_node(column, out)
    out.append("}")


def _write_text_command(command: Command, out: list[str]) -> None:
    """One token, since a space would show; other arguments before the text are part of it."""
    before = "".join(
        f"[{_raw(argument)}]" if argument.kind == "b" else f"{{{_raw(argument)}}}"
        for argument in command.arguments[:-1]
    )
    out.append(f"{command.name}{before}{{{text(command.arguments[-1].body)}}}")


def _raw(argument: Argument) -> str:
    return squeeze(" ".join(write(argument.body)))


def text(row: Row) -> str:
    """A text as one word, as `TextWriter` writes it; refuses a rule whose keywords need a space before them."""
    word = TextWriter(write).text(row)
    if " " in word:
        raise LatexError("forbidden_command", f"{word.split(' ')[1]} inside a text")
    return word


def _write_environment(environment: Environment, out: list[str]) -> None:
    out.append(f"\\begin{{{environment.name}}}{environment.option}")
    for argument in environment.arguments:
        if argument.kind == "c":
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
    out.append(f"\\end{{{environment.name}}}")
