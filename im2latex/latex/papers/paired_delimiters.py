r"""Paired delimiters of mathtools: `\abs{x}`, `\abs*{x}` with growing delimiters, `\abs[\big]{x}`.

Source: the manual of mathtools, "Paired delimiters". In the body of `\DeclarePairedDelimiterX`, `\delimsize` is the
size of the delimiters: empty, the option, or `\middle` after a star.
"""

from collections.abc import Sequence

from im2latex.latex.papers.lexer import read_argument, read_optional, tokens
from im2latex.latex.papers.macro_table import Macro, MacroTable, plain
from im2latex.latex.papers.parameters import OPTION, STAR, count_of, read_name


def paired_delimiter(
    source: str, position: int, macros: MacroTable, with_body: bool = False, with_sides: bool = False
) -> int:
    """Parse a definition; `with_body` reads a body, `with_sides` also the code before and after the delimiters."""
    name, position = read_name(source, position)
    count, position = read_optional(source, position) if with_body else ("1", position)
    fields = []
    for _ in range(2 + 2 * with_sides + with_body):
        field, position = read_argument(source, position)
        fields.append(tokens(field))
    body = [_moved(token) for token in fields.pop()] if with_body else ["#3"]
    before, opening, closing, behind = (map(_moved, field) for field in (fields if with_sides else ((), *fields, ())))
    replacement = [*before, *_sizes(list(opening), body, list(closing)), *behind]
    macros.define(name, Macro((STAR, OPTION, *plain(count_of(count))), tuple(replacement)))
    return position


def _moved(token: str) -> str:
    """Shift a parameter of the body by two, for the star and the option."""
    return f"#{int(token[1]) + 2}" if token[0] == "#" and token[1:].isdecimal() else token


def _sizes(opening: Sequence[str], body: Sequence[str], closing: Sequence[str]) -> list[str]:
    """Write the delimiters around the body, in the three sizes that a call may select."""
    grown = ["\\mathopen", "{", "}", "\\mathclose", "{", "\\left", *opening, *_sized(body, "\\middle")]
    grown += ["\\right", *closing, "}"]
    sized = ["\\mathopen", "{", "#2", *opening, "}", *_sized(body, "#2"), "\\mathclose", "{", "#2", *closing, "}"]
    fixed = [*opening, *_sized(body, ""), *closing]
    choice = ["\\IfNoValueTF", "{", "#2", "}", "{", *fixed, "}", "{", *sized, "}"]
    return ["\\IfBooleanTF", "{", "#1", "}", "{", *grown, "}", "{", *choice, "}"]


def _sized(body: Sequence[str], size: str) -> list[str]:
    return [size if token == "\\delimsize" else token for token in body if size or token != "\\delimsize"]
