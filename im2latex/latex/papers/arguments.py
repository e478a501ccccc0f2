"""Parameters and arguments of macros: parameter lists of definitions, token streams, and arguments of calls.

Sources: LaTeX's ltdefns for `[2][default]`, The TeXbook, chapter 20, for `#1...#2`, the manuals of xparse and xargs.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence

from im2latex.errors import LatexError
from im2latex.latex.papers.lexer import (
    CONTROL,
    TOKEN,
    is_space,
    is_word,
    read_argument,
    read_optional,
    skip_spaces,
    tokens,
)
from im2latex.latex.papers.macro_table import BRACKETS, FALSE, NO_VALUE, TRUE, Macro, Parameter, plain

MAX_TEXT = 20_000
"""Limit on the characters of the arguments of one macro; a longer argument counts as unclosed."""
_SKIP = r"(?:[\s\1]|\\expandafter(?![A-Za-z@]))*"
_DEFINED = re.compile(
    rf"{_SKIP}(?P<brace>\{{{_SKIP})?(?:\\csname(?![A-Za-z@])(?P<built>[^\\{{}}]*)\\endcsname|(?P<name>(?!\\expandafter(?![A-Za-z@]))\\(?:[A-Za-z@]+|.)))"
    rf"(?(brace){_SKIP}\}})",
    re.DOTALL,
)
_PARAMETER = re.compile(r"#(\d)")
_CONTROL = re.compile(CONTROL, re.DOTALL)
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
            raise LatexError("bad_definition", f"argument kind {kind}", position)
        position = skip_spaces(specification, position)
    return tuple(found)


class TokenStream(ABC):
    """Stream of tokens with lookahead and pushback."""

    @abstractmethod
    def peek(self) -> str:
        """Return the next token, or the empty string at the end."""

    @abstractmethod
    def pop(self) -> str:
        """Consume and return the next token, which must exist."""

    @abstractmethod
    def push(self, tokens: Sequence[str]) -> None:
        """Push tokens back, in front of the stream."""

    @abstractmethod
    def next_control(self) -> str:
        """Consume up to and including the next control sequence and return it; the empty string where there is none."""

    def skip_spaces(self) -> None:
        """Consume the following spaces."""
        while is_space(self.peek()):
            self.pop()

    def accept(self, mark: str) -> bool:
        """Consume spaces, and the next token if it equals `mark`; returns whether it does."""
        self.skip_spaces()
        if self.peek() != mark:
            return False
        self.pop()
        return True


class TokenListStream(TokenStream):
    """Stream over the tokens of a formula."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self.rest = list(reversed(tokens))

    def peek(self) -> str:
        return self.rest[-1] if self.rest else ""

    def pop(self) -> str:
        return self.rest.pop()

    def push(self, tokens: Sequence[str]) -> None:
        self.rest += reversed(tokens)

    def next_control(self) -> str:
        while self.rest:
            token = self.rest.pop()
            if token[0] == "\\":
                return token
        return ""


class TextStream(TokenStream):
    """Stream over the text of a paper from `position` on, which advances; spaces are not merged."""

    def __init__(self, text: str, position: int, most: int | None = MAX_TEXT) -> None:
        self.position = position
        self._text = text
        self._end = len(text) if most is None else min(len(text), position + most)
        self._pushed: list[str] = []

    def peek(self) -> str:
        if self._pushed:
            return self._pushed[-1]
        match = TOKEN.match(self._text, self.position, self._end)
        return match[0] if match else ""

    def pop(self) -> str:
        if self._pushed:
            return self._pushed.pop()
        token = self.peek()
        self.position += len(token)
        return token

    def push(self, tokens: Sequence[str]) -> None:
        self._pushed += reversed(tokens)

    def next_control(self) -> str:
        self._pushed.clear()
        match = _CONTROL.search(self._text, self.position, self._end)
        if match is None:
            self.position = self._end
            return ""
        self.position = match.end()
        return match[0]


def read_arguments(name: str, macro: Macro, source: TokenStream) -> list[list[str]]:
    """Read all arguments of a macro; raises `LatexError` where one is missing or unclosed."""
    arguments = []
    for parameter in macro.parameters:
        argument = _read(name, parameter, source)
        if argument is not None:
            arguments.append(argument)
    return arguments


def _read(name: str, parameter: Parameter, source: TokenStream) -> list[str] | None:
    match parameter.kind:
        case "plain":
            return read_plain(name, source)
        case "optional":
            opening, closing = parameter.marks
            if not source.accept(opening):
                return list(parameter.default)
            return _to_closing(name, opening, closing, source)
        case "flag":
            return [TRUE] if source.accept(parameter.marks[0]) else [FALSE]
        case "until":
            return _until(name, parameter.marks, source)
    for token in parameter.marks:
        if not source.accept(token):
            raise LatexError("macro_argument", f"{name} is not used with the parameters of its definition")
    return None


def read_plain(name: str, source: TokenStream) -> list[str]:
    """Read an undelimited argument: the inside of the next group, or the next token."""
    source.skip_spaces()
    if source.peek() in ("", "}"):
        raise LatexError("macro_argument", f"{name} needs an argument")
    token = source.pop()
    return [token] if token != "{" else _to_closing(name, "{", "}", source)


def _to_closing(name: str, opening: str, closing: str, source: TokenStream) -> list[str]:
    """Read up to the token that matches `opening`, which is consumed already."""
    found: list[str] = []
    depth, braces = 1, 0
    while source.peek():
        token = source.pop()
        if opening != "{":
            braces += (token == "{") - (token == "}")
        if braces == 0 or opening == "{":
            depth += (token == opening != closing) - (token == closing)
            if depth == 0:
                return found
        found.append(token)
    raise LatexError("macro_argument", f"{name}: an argument is not closed")


def _until(name: str, end: tuple[str, ...], source: TokenStream) -> list[str]:
    """Read a delimited argument, up to the tokens `end` outside of braces; strips braces around the whole argument."""
    found: list[str] = []
    depth = nested = 0
    environment = end[0] == "\\end"  # the body of an environment, which may be nested in itself
    opening = ("\\begin", *end[1:])
    while source.peek():
        if depth == 0:
            if _reads(end, source):
                if not nested:
                    whole = (
                        not environment and len(found) > 1 and found[0] == "{" and _closes_at(found) == len(found) - 1
                    )
                    return found[1:-1] if whole else found
                nested -= 1
                found += end
                continue
            if environment and _reads(opening, source):
                nested += 1
                found += opening
                continue
        token = source.pop()
        depth += (token == "{") - (token == "}")
        found.append(token)
    raise LatexError("macro_argument", f"{name} is not used with the parameters of its definition")


def _reads(marks: tuple[str, ...], source: TokenStream) -> bool:
    """Consume the marks if they come next, else nothing."""
    if source.peek() != marks[0]:
        return False
    read: list[str] = []
    for mark in marks:
        if is_space(source.peek()) and read and is_word(read[-1]):
            read.append(source.pop())
        if source.peek() != mark:
            source.push(read)
            return False
        read.append(source.pop())
    return True


def _closes_at(found: list[str]) -> int:
    depth = 0
    for index, token in enumerate(found):
        depth += (token == "{") - (token == "}")
        if depth == 0:
            return index
    return len(found)
