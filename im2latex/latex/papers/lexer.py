r"""Lexer of paper sources: tokens, groups, optional arguments, and the source text with its line numbers.

A token is a string: a control sequence `\alpha`, one character, `#1` for a parameter, or " " for any run of spaces that
TeX keeps. A control sequence that ends in FROZEN is not expanded again, and is written without the mark.
"""

import re
from collections.abc import Iterable

from im2latex.errors import LatexError

FROZEN = "\0"
JOIN = "\1"
"""Placeholder of a line end that a comment removed: it counts as a line and prints nothing."""
MAX_GROUP_CHARACTERS = 20_000
"""Longest group or option; a longer one counts as unclosed, which bounds the time for many of them."""
CONTROL = r"\\(?:[A-Za-z@]+|.)\0?"
"""Pattern of a control sequence, frozen or not."""
TOKEN = re.compile(rf"{CONTROL}|#+\d|[\s\1]+|.", re.DOTALL)
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_BRACKET = re.compile(r"\\.|[][{}]", re.DOTALL)


def tokens(source: str) -> list[str]:
    """Split source into tokens, without the spaces after control words, which TeX skips."""
    found: list[str] = []
    for token in TOKEN.findall(source.replace(JOIN, "")):
        if not token.isspace():
            found.append(token)
        elif not found or (found[-1] != " " and not is_word(found[-1])):
            found.append(" ")
    return found


def untokenize(parts: Iterable[str], keep_frozen: bool = False) -> str:
    """Write tokens as source, with a space where a control word precedes a letter."""
    text: list[str] = []
    word = False
    for token in parts:
        first = token[0]
        if word and (first.isalpha() or first == "@"):
            text.append(" ")
        if first == "\\":
            word = is_word(token) and not (keep_frozen and token[-1] == FROZEN)
            text.append(token if keep_frozen else token.rstrip(FROZEN))
        else:
            word = False
            text.append(token)
    return "".join(text)


def is_word(token: str) -> bool:
    """Whether a token is a control word, after which TeX skips spaces."""
    return token[0] == "\\" and len(token) > 1 and (token[1].isalpha() or token[1] == "@")


def is_space(token: str) -> bool:
    """Whether a token is space, as a token or in source."""
    return token[:1].isspace() or token[:1] == JOIN


def group_end(source: str, start: int) -> int:
    """Return the end of the brace group that opens at `start`; raises `LatexError` where it is unclosed."""
    depth = 0
    for match in _BRACE.finditer(source, start, start + MAX_GROUP_CHARACTERS):
        if match[0] == "{":
            depth += 1
        elif match[0] == "}":
            depth -= 1
            if depth == 0:
                return match.end()
    raise LatexError("unbalanced_group", "a group is not closed", start)


def skip_spaces(source: str, start: int) -> int:
    """Return the position of the next character that is no space."""
    while start < len(source) and is_space(source[start]):
        start += 1
    return start


def read_argument(source: str, start: int) -> tuple[str, int]:
    """Return the inside of the next group, or the next token, and its end position."""
    start = skip_spaces(source, start)
    if source[start : start + 1] == "{":
        end = group_end(source, start)
        return source[start + 1 : end - 1], end
    match = TOKEN.match(source, start)
    if match is None:
        raise LatexError("missing_argument", "the source ends before an argument", start)
    return match[0], match.end()


def read_optional(source: str, start: int) -> tuple[str | None, int]:
    """Return the inside of the next brackets and their end position; None where there are none.

    Raises `LatexError` where they are unclosed.
    """
    here = skip_spaces(source, start)
    if source[here : here + 1] != "[":
        return None, start
    braces = brackets = 0
    for match in _BRACKET.finditer(source, here, here + MAX_GROUP_CHARACTERS):
        braces += (match[0] == "{") - (match[0] == "}")
        if not braces:
            brackets += (match[0] == "[") - (match[0] == "]")
            if not brackets:
                return source[here + 1 : match.start()], match.end()
    raise LatexError("unbalanced_group", "brackets are not closed", here)


class SourceText:
    """Source text of one file with in-place replacement that keeps line numbers.

    `text` changes only after `position`; calls of `line_of` must have increasing positions.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self._counted = 0
        self._line = 1
        self._behind = -1
        """Number of characters after the last replacement, or -1; the whole replacement has the line `_line`."""
        self._line_behind = 1

    def line_of(self, position: int) -> int:
        """Return the line of the original file, from 1, of a position."""
        if self._behind >= 0:
            end = len(self.text) - self._behind
            if position < end:
                return self._line
            self._counted, self._line, self._behind = end, self._line_behind, -1
        if position > self._counted:
            self._line += self._lines(self._counted, position)
            self._counted = position
        return self._line

    def replace(self, start: int, end: int, replacement: str) -> None:
        """Replace `text[start:end]`; reading continues at `start` at the latest."""
        self.line_of(start)
        behind = len(self.text) - end
        if self._behind < 0:
            self._line_behind = self._line + self._lines(start, end)
            self._behind = behind
        elif behind < self._behind:
            self._line_behind += self._lines(len(self.text) - self._behind, end)
            self._behind = behind
        self.text = f"{self.text[:start]}{replacement}{self.text[end:]}"
        self._counted = start
        self.position = min(self.position, start)

    def _lines(self, start: int, end: int) -> int:
        return self.text.count("\n", start, end) + self.text.count(JOIN, start, end)
