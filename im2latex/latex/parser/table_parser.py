r"""Parser of tables: environments, plain TeX's tables in an argument, and column specifications.

A row ends at `\\` or one of its other names. The second column of some environments is text. The content of `@{...}`
and, with the package array, of `!{...}`, `>{...}` and `<{...}` is mathematics in text style: LaTeX sets it between
dollar signs (latex.ltx, \@arrayclassiv; array.sty, \d@llarbegin).
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from im2latex.errors import LatexError
from im2latex.latex.parser.cursor import (
    Cursor,
    Item,
    allows_space_before_gap,
    items,
    read_placement,
    read_row_break,
)
from im2latex.latex.parser.signatures import BORDERED, ENVIRONMENTS, TEXT_COLUMNS
from im2latex.latex.parser.text_parser import TextParser
from im2latex.latex.parser.tree import Argument, Command, Environment, Node, Row, Token
from im2latex.latex.parser.walker import EnvironmentBlock, walk

if TYPE_CHECKING:
    from im2latex.latex.parser.parse import RowParser

_ROW_ENDS = frozenset(["\\\\", "\\cr", "\\tabularnewline"])
_BORDERED_ENDS = frozenset(["\\cr", "\\crcr"])
_COLUMN_ARGUMENTS = dict.fromkeys("pmb", 1) | dict.fromkeys("wW", 2)
_PARAGRAPH_COLUMN = re.compile(r"[pmb]\{")
"""Columns with paragraphs of text."""
INSERTIONS = frozenset("@!><")
_MAX_COLUMNS = 500


def read_environment(outer: "RowParser", block: EnvironmentBlock) -> Environment:
    """Parse placement, arguments and cells; raises `LatexError` for an environment without a signature."""
    name = block.name
    if name not in ENVIRONMENTS:
        outer.fail("not_allowed", f"\\begin{{{name}}}", block.start)
    inside = outer.subparser(items(block.pieces), name)
    option = ""
    arguments: list[Argument] = []
    for kind in ENVIRONMENTS[name]:
        if kind == "p":
            option = read_placement(inside, name, block.start, outer.spaced)
        else:
            arguments.append(Argument(kind, inside.argument(kind, name) or []))
    texts = frozenset(number for one in arguments if one.kind == "c" for number in paragraph_columns(one.body))
    rows, breaks = _rows(inside, block.stop, texts)
    return Environment(TEXT_COLUMNS.get(name, name), option, arguments, rows, breaks)


def read_plain_table(outer: "RowParser", name: str) -> Environment:
    """Parse the rows in the next argument."""
    position = outer.position
    inside = outer.group()
    if inside is None:
        outer.fail("missing_argument", f"{name} needs its rows in braces", position)
    rows, breaks = _rows(outer.subparser(inside, name), len(outer.source))
    return Environment(name, "", [], rows, breaks)


def _rows(parser: "RowParser", stop: int, texts: frozenset[int] = frozenset()) -> tuple[list[list[Row]], list[str]]:
    """Split the remaining items into rows of cells, and the row breaks; the table ends at `stop` in the source.

    A cell in one of the columns `texts` may be one symbol, which prints the same as mathematics and as text.
    """
    rows: list[list[Row]] = [[]]
    breaks: list[str] = []
    ends = _BORDERED_ENDS if parser.table == BORDERED else _ROW_ENDS
    start = parser.index
    while not parser.at_end:
        item, _, position = parser.items[parser.index]
        here = parser.index
        parser.index += 1
        if item == "&" or item in ends:
            _check_text(parser, start, here, len(rows[-1]) in texts)
            rows[-1].append(_cell(parser, start, here, len(rows[-1]), position))
            if item != "&":
                breaks.append(_end_of_row(parser, item))
                rows.append([])
            start = parser.index
    _check_text(parser, start, parser.index, len(rows[-1]) in texts)
    rows[-1].append(_cell(parser, start, parser.index, len(rows[-1]), stop))
    return rows, breaks


def _check_text(parser: "RowParser", start: int, end: int, is_text: bool) -> None:
    if is_text and end - start > 1:
        parser.fail("text_column", "the cells of p{...}, m{...} and b{...} are text", parser.items[start][2])


def _end_of_row(parser: "RowParser", item: str) -> str:
    if item in _BORDERED_ENDS:
        return "\\cr" if parser.table == BORDERED else "\\\\"
    end = parser.end
    while item != "\\\\" and parser.source[end].isspace():  # it ends the control word and is not printed
        end += 1
    return read_row_break(parser, parser.spaced and allows_space_before_gap(parser.table), end)


def _cell(parser: "RowParser", start: int, end: int, column: int, stop: int) -> Row:
    """Parse the items from `start` to `end`, which are text in some columns; the cell ends at `stop` in the source."""
    inside = parser.items[start:end]
    if parser.table not in TEXT_COLUMNS or not inside:
        return parser.subparser(inside, deeper=0).row()
    if not column:
        style: Row = [Token("\\textstyle")] if parser.table == "cases*" else []
        return style + parser.subparser(inside, deeper=0).row()
    text = TextParser(walk(parser.source, inside[0][2], stop), parser).row()
    return [Command("\\mbox", [Argument("t", text)])]


def parse_columns(cursor: Cursor, mathematics: Callable[[list[Item]], Row], word: Callable[[Item], str]) -> Row:
    r"""Split a column specification: `l@{\,}*{2}{c}w{c}{2cm}` is `l`, `@{\,}`, `c`, `c`, `w{c}{2cm}`."""
    found: list[Node] = []
    while not cursor.at_end:
        head, _, position = cursor.items[cursor.index]
        cursor.index += 1
        if head == "*":
            count = word(_next_argument(cursor, head))
            repeats = int(count) if count.isdecimal() and len(count) < 5 else 1
            once = parse_columns(Cursor(cursor.source, _argument_items(cursor, head)), mathematics, word)
            if len(found) + repeats * len(once) > _MAX_COLUMNS:
                raise LatexError("bad_columns", f"more than {_MAX_COLUMNS} columns", position)
            for _ in range(repeats):
                found += once
        elif head in INSERTIONS:
            found.append(Command(head, [Argument("m", mathematics(_argument_items(cursor, head)))]))
        elif head in _COLUMN_ARGUMENTS:
            found.append(
                Token(
                    head + "".join(f"{{{word(_next_argument(cursor, head))}}}" for _ in range(_COLUMN_ARGUMENTS[head]))
                )
            )
        elif head and head in "lcr|":
            found.append(Token(head))
        else:
            raise LatexError("bad_columns", f"{head or 'a group'} is not a column type", position)
    return found


def paragraph_columns(specification: Row) -> frozenset[int]:
    """Return the indices of the columns whose cells are text: those of p, m and b."""
    cells = [node.text for node in specification if isinstance(node, Token) and node.text != "|"]
    return frozenset(number for number, text in enumerate(cells) if _PARAGRAPH_COLUMN.match(text))


def _next_argument(cursor: Cursor, head: str) -> Item:
    if cursor.at_end:
        cursor.fail("bad_columns", f"{head} needs an argument")
    cursor.index += 1
    return cursor.items[cursor.index - 1]


def _argument_items(cursor: Cursor, head: str) -> list[Item]:
    """Return the items of the next argument: those of a group, or one."""
    inside = cursor.group()
    return [_next_argument(cursor, head)] if inside is None else inside
