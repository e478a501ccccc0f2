r"""Parameter lists of macro definitions: `\newcommand{\x}[2][default]`, `\def\x#1;{...}`, xargs and xparse.

Sources: LaTeX's ltdefns for `[2][default]`, The TeXbook, chapter 20, for `#1...#2`, the manuals of xparse and xargs.
"""

import re

from im2latex.errors import LatexError
from im2latex.latex.papers.lexer import read_argument, read_optional, skip_spaces, tokens
from im2latex.latex.papers.macro_table import BRACKETS, NO_VALUE, Parameter, plain

_SKIP = r"(?:[\s\1]|\\expandafter(?![A-Za-z@]))*"
_DEFINED = re.compile(
    rf"{_SKIP}(?P<brace>\{{{_SKIP})?(?:\\csname(?![A-Za-z@])(?P<built>[^\\{{}}]*)\\endcsname|(?P<name>(?!\\expandafter(?![A-Za-z@]))\\(?:[A-Za-z@]+|.)))"
    rf"(?(brace){_SKIP}\}})",
    re.DOTALL,
)
_PARAMETER = re.compile(r"#(\d)")
STAR = Parameter("flag", ("*",))
OPTION = Parameter("optional", BRACKETS, (NO_VALUE,))


def read_name(source: str, position: int) -> tuple[str, int]:
    r"""Read the defined control sequence, bare, in braces or built by `\csname`; returns it and the end position."""
    match = _DEFINED.match(source, position)
    if match is None:
        raise LatexError("bad_definition", "a name is missing", position)
    return match["name"] or f"\\{match['built'].strip()}", match.end()


def skip_star(source: str, position: int) -> int:
    """Return the position after a star, if there is one."""
    here = skip_spaces(source, position)
    return here + 1 if source[here : here + 1] == "*" else position


def count_of(text: str | None) -> int:
    """Parse a number of parameters; 0 where there is none."""
    return int(text) if text and text.strip().isdecimal() else 0


def latex_parameters(source: str, position: int) -> tuple[tuple[Parameter, ...], int]:
    """Parse `[2][default]`; returns the parameters and the end position."""
    count, position = read_optional(source, position)
    default, position = read_optional(source, position) if count is not None else (None, position)
    number = count_of(count)
    if default is None:
        return plain(number), position
    return (Parameter("optional", BRACKETS, tuple(tokens(default))), *plain(number - 1)), position


def xargs_parameters(source: str, position: int) -> tuple[tuple[Parameter, ...], int]:
    """Parse `[3][1=default, 3=default]` of the package xargs."""
    count, position = read_optional(source, position)
    defaults, position = read_optional(source, position) if count is not None else (None, position)
    found = list(plain(count_of(count)))
    for piece in re.split(r",(?=\s*\d\s*(?:=|$))", defaults or ""):
        number, _, default = piece.partition("=")
        if number.strip().isdecimal() and 1 <= int(number) <= len(found):
            inside = default.strip()[1:-1] if default.strip().startswith("{") else default.strip()
            found[int(number) - 1] = Parameter("optional", BRACKETS, tuple(tokens(inside)))
    return tuple(found), position


def tex_parameters(text: str) -> tuple[Parameter, ...]:
    """Parse `[#1]#2;`: leading text, then arguments, each delimited by the text after it."""
    pieces = _PARAMETER.split(text)
    found: list[Parameter] = []
    if pieces[0].strip():
        found.append(Parameter("literal", tuple(token for token in tokens(pieces[0]) if token != " ")))
    for delimiter in pieces[2::2]:
        end = tuple(tokens(delimiter.strip()))
        found.append(Parameter("until", end) if end else Parameter("plain"))
    return tuple(found)


def xparse_parameters(specification: str) -> tuple[Parameter, ...]:
    """Parse `s O{default} m`; raises `LatexError` for unsupported argument types."""
    found: list[Parameter] = []
    position = skip_spaces(specification, 0)
    while position < len(specification):
        kind = specification[position]
        position += 1
        if kind in "mso":
            found.append({"m": Parameter("plain"), "s": STAR, "o": OPTION}[kind])
        elif kind == "t":
            found.append(Parameter("flag", (specification[position],)))
            position += 1
        elif kind in "ODdRr":
            marks = BRACKETS if kind == "O" else (specification[position], specification[position + 1])
            position += 0 if kind == "O" else 2
            default, position = (NO_VALUE, position) if kind.islower() else read_argument(specification, position)
            found.append(Parameter("optional", marks, tuple(tokens(default))))
        elif kind not in "+!":
            raise LatexError("bad_definition", f"argument type {kind}", position)
        position = skip_spaces(specification, position)
    return tuple(found)
