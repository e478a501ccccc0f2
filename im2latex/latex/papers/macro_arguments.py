"""Arguments of macro calls, read from a stream of tokens by the parameters of the macro's definition.

Source: The TeXbook, chapter 20.
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
)
from im2latex.latex.papers.macro_table import FALSE, TRUE, Macro, Parameter

MAX_TEXT = 20_000
"""Limit on the characters of the arguments of one macro; a longer argument counts as unclosed."""
_CONTROL = re.compile(CONTROL, re.DOTALL)


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
