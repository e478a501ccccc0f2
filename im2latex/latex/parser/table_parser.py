r"""Parser of tables: environments, and plain TeX's tables in an argument.

A row ends at `\\` or one of its other names. The second column of some environments is text.
"""

from typing import TYPE_CHECKING

from pylatexenc.latexwalker import LatexEnvironmentNode

from im2latex.latex.parser.column_spec import paragraph_columns
from im2latex.latex.parser.cursor import items, walk
from im2latex.latex.parser.optional_arguments import allows_space_before_gap, read_placement, read_row_break
from im2latex.latex.parser.signatures import BORDERED, ENVIRONMENTS, TEXT_COLUMNS
from im2latex.latex.parser.text_parser import TextParser
from im2latex.latex.parser.tree import Argument, Command, Environment, Row, Token

if TYPE_CHECKING:
    from im2latex.latex.parser.row_parser import RowParser

_ROW_ENDS = frozenset(["\\\\", "\\cr", "\\tabularnewline"])
_BORDERED_ENDS = frozenset(["\\cr", "\\crcr"])


def read_environment(outer: "RowParser", node: LatexEnvironmentNode) -> Environment:
    """Parse placement, arguments and cells; raises `LatexError` for an environment without a signature."""
    name: str = node.environmentname
    if name not in ENVIRONMENTS:
        outer.fail("not_allowed", f"\\begin{{{name}}}", node.pos)
    inside = outer.subparser(items(node.nodelist), name)
    option = ""
    arguments: list[Argument] = []
    for kind in ENVIRONMENTS[name]:
        if kind == "p":
            option = read_placement(inside, name, node.pos, outer.spaced)
        else:
            arguments.append(Argument(kind, inside.argument(kind, name) or []))
    texts = frozenset(number for one in arguments if one.kind == "c" for number in paragraph_columns(one.body))
    rows, breaks = _rows(inside, node.pos + node.len - len(f"\\end{{{name}}}"), texts)
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
    text = TextParser(walk(parser.source[:stop], inside[0][2]), parser).row()
    return [Command("\\mbox", [Argument("t", text)])]
