"""Arguments that are no mathematics and no text: lengths, words, column specifications, what stands between rows."""

import re

from im2latex.latex.columns import columns
from im2latex.latex.cursor import Cursor
from im2latex.latex.options import letter
from im2latex.latex.signatures import LENGTH
from im2latex.latex.tokens import squeeze
from im2latex.latex.tree import Row, Token

_NO_LENGTH = re.compile(r"[{}^_&$#]|\\[^A-Za-z]")
_VERTICAL = re.compile(
    rf"(?:\\(?:vskip|kern){LENGTH.pattern}|\\hrule|\\(?:small|med|big)skip|\\nobreak|\\penalty-?\d+)+"
)
_COMMENT = re.compile(r"(?<!\\)%[^\n]*\n?")


def raw(cursor: Cursor, kind: str, name: str, inside: str, position: int) -> Row:
    """The tokens of an argument of this kind that stands in braces in the source; what it may not hold is refused."""
    inside = _COMMENT.sub("", inside)
    if kind == "c":
        return [Token(column) for column in columns(inside)]
    if kind == "w":
        return [Token(letter(cursor, name, inside))]
    word = squeeze(inside)
    if kind == "q" and not _VERTICAL.fullmatch(word):
        cursor.fail("forbidden_command", f"{name} {{{word}}} is neither space nor a rule", position)
    if kind == "l" and _NO_LENGTH.search(word):
        cursor.fail("bad_length", f"{name} takes a length such as 2pt", position)
    return [Token(word)] if word else []
