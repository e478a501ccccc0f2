r"""TeX source cut into tokens and groups, as far as definitions and macros need it.

A token is a string: a control sequence `\alpha`, one character, `#1` for a parameter, or " " for any run of spaces
that TeX would keep. A control sequence that ends in FROZEN is not expanded again and loses the mark when written.
"""

import re
from collections.abc import Iterable

from im2latex.errors import LatexError

FROZEN = "\0"
JOIN = "\1"
"""Stands for a line end that a comment swallowed: it counts as a line and prints nothing."""
MAX_GROUP_CHARACTERS = 20_000
"""A group or an option that is longer counts as never closed, so that many of those cost no more than their number."""

CONTROL = r"\\(?:[A-Za-z@]+|.)\0?"
"""Pattern of a control sequence, frozen or not."""
TOKEN = re.compile(rf"{CONTROL}|#+\d|[\s\1]+|.", re.DOTALL)
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_BRACKET = re.compile(r"\\.|[][{}]", re.DOTALL)


def tokens(source: str) -> list[str]:
    """Cut source into tokens; spaces behind a control word are gone, as TeX skips them."""
    found: list[str] = []
    for token in TOKEN.findall(source.replace(JOIN, "")):
        if not token.isspace():
            found.append(token)
        elif not found or (found[-1] != " " and not is_word(found[-1])):
            found.append(" ")
    return found


def untokenize(parts: Iterable[str], keep_frozen: bool = False) -> str:
    """Write tokens as source, with a space where a control word would run into a letter."""
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
    """Whether a token is a control word, behind which TeX skips spaces."""
    return token[0] == "\\" and len(token) > 1 and (token[1].isalpha() or token[1] == "@")


def is_space(token: str) -> bool:
    """Whether a token is space, as cut by `tokens` or as it stands in source."""
    return token[:1].isspace() or token[:1] == JOIN


def group_end(source: str, start: int) -> int:
    """The position behind the brace group that opens at `start`; raises `LatexError` where it is never closed."""
    depth = 0
    for match in _BRACE.finditer(source, start, start + MAX_GROUP_CHARACTERS):
        if match[0] == "{":
            depth += 1
        elif match[0] == "}":
            depth -= 1
            if depth == 0:
                return match.end()
    raise LatexError("unbalanced_group", "a group is never closed", start)


def skip_spaces(source: str, start: int) -> int:
    """The place of the next character that is no space."""
    while start < len(source) and is_space(source[start]):
        start += 1
    return start


def read_argument(source: str, start: int) -> tuple[str, int]:
    """The inside of the next group, or the next token, and the place behind it."""
    start = skip_spaces(source, start)
    if source[start : start + 1] == "{":
        end = group_end(source, start)
        return source[start + 1 : end - 1], end
    match = TOKEN.match(source, start)
    if match is None:
        raise LatexError("missing_argument", "the source ends where an argument is due", start)
    return match[0], match.end()


def read_optional(source: str, start: int) -> tuple[str | None, int]:
    """The inside of the next brackets and the place behind them; None where there are none.

    Raises `LatexError` where they are never closed.
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
    raise LatexError("unbalanced_group", "brackets are never closed", here)
