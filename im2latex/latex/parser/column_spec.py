r"""Parser of column specifications, the argument of `\begin{array}`.

The content of `@{...}` and, with the package array, of `!{...}`, `>{...}` and `<{...}` is mathematics in text style:
LaTeX sets it between dollar signs (latex.ltx, \@arrayclassiv; array.sty, \d@llarbegin).
"""

import re
from collections.abc import Callable

from im2latex.errors import LatexError
from im2latex.latex.parser.cursor import Cursor, Item
from im2latex.latex.parser.tree import Argument, Command, Node, Row, Token

_WORDS = dict.fromkeys("pmb", 1) | dict.fromkeys("wW", 2)
_PARAGRAPH = re.compile(r"[pmb]\{")
"""Columns with paragraphs of text."""
INSERTIONS = frozenset("@!><")
_MAX_COLUMNS = 500


def parse_columns(cursor: Cursor, mathematics: Callable[[list[Item]], Row], word: Callable[[Item], str]) -> Row:
    r"""Split a column specification: `l@{\,}*{2}{c}w{c}{2cm}` is `l`, `@{\,}`, `c`, `c`, `w{c}{2cm}`."""
    found: list[Node] = []
    while not cursor.at_end:
        head, _, position = cursor.items[cursor.index]
        cursor.index += 1
        if head == "*":
            count = word(_due(cursor, head))
            repeats = int(count) if count.isdecimal() and len(count) < 5 else 1
            once = parse_columns(Cursor(cursor.source, _group(cursor, head)), mathematics, word)
            if len(found) + repeats * len(once) > _MAX_COLUMNS:
                raise LatexError("bad_columns", f"more than {_MAX_COLUMNS} columns", position)
            for _ in range(repeats):
                found += once
        elif head in INSERTIONS:
            found.append(Command(head, [Argument("m", mathematics(_group(cursor, head)))]))
        elif head in _WORDS:
            found.append(Token(head + "".join(f"{{{word(_due(cursor, head))}}}" for _ in range(_WORDS[head]))))
        elif head and head in "lcr|":
            found.append(Token(head))
        else:
            raise LatexError("bad_columns", f"{head or 'a group'} is not a column type", position)
    return found


def paragraph_columns(specification: Row) -> frozenset[int]:
    """Return the indices of the columns whose cells are text: those of p, m and b."""
    cells = [node.text for node in specification if isinstance(node, Token) and node.text != "|"]
    return frozenset(number for number, text in enumerate(cells) if _PARAGRAPH.match(text))


def _due(cursor: Cursor, head: str) -> Item:
    if cursor.at_end:
        cursor.fail("bad_columns", f"{head} needs an argument")
    cursor.index += 1
    return cursor.items[cursor.index - 1]


def _group(cursor: Cursor, head: str) -> list[Item]:
    """Return the items of the next argument: those of a group, or one."""
    inside = cursor.group()
    return [_due(cursor, head)] if inside is None else inside
