r"""A tree to tokens: the one spelling of everything.

Every argument and script stands in braces, the subscript before the superscript, and every token apart from its
neighbours by one space. The result parses to the same tree.
"""

from im2latex.latex.signatures import COMMANDS
from im2latex.latex.tokens import CONTROL_WORD, squeeze
from im2latex.latex.tree import Argument, Command, Environment, Fence, Group, Inline, Node, Row, Scripts, Token

_BARE = frozenset("din")
_RAW = frozenset("br")
"""Kinds whose spaces would count, so that they are part of the name's token: `\\color{red}`."""
_SENTENCE_ENDS = frozenset(".?!:")


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
            shielded = any(type(node) is Token and node.text == "]" for node in argument.body)
            (_write_braced if shielded else _write_row)(argument.body, out)
            out.append("]")
        else:
            _write_braced(argument.body, out)


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
    r"""A text without whitespace: `~` for a space, `\space{}` where the end of a sentence makes it wider."""
    pieces: list[str] = []
    for node in row:
        previous = pieces[-1] if pieces else ""
        match node:
            case Token(text=" "):
                pieces.append("\\space{}" if previous in _SENTENCE_ENDS or (previous in ")]'\"" and previous) else "~")
            case Token():
                if COMMANDS.get(previous) == "t" and node.text.isalnum():
                    pieces.append(f"{{{node.text}}}")
                else:
                    separated = node.text[0].isalpha() and CONTROL_WORD.fullmatch(previous)
                    pieces.append(f"{{}}{node.text}" if separated else node.text)
            case Group():
                pieces.append(f"{{{text(node.body)}}}")
            case _:
                pieces.append(squeeze(" ".join(write([node]))))
    return "".join(pieces)


def _write_environment(environment: Environment, out: list[str]) -> None:
    out.append(f"\\begin{{{environment.name}}}{environment.option}")
    for argument in environment.arguments:
        _write_braced(argument.body, out)
    for index, row in enumerate(environment.rows):
        for column, cell in enumerate(row):
            if column:
                out.append("&")
            _write_row(cell, out)
        if index < len(environment.breaks):
            out.append(environment.breaks[index])
    out.append(f"\\end{{{environment.name}}}")
