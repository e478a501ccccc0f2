"""Cursor over the items of a source: lookahead, consumption, optional arguments, and errors with positions.

An item is one character, one control sequence, or a block of the walker (a group, an environment, mathematics between
dollars). Spaces and comments are not items.

Macros compare some options in brackets letter by letter, so that a space counts, and some accept a bracket only
directly after the command. Sources: latex.ltx, amsmath.sty and mathtools.sty, as cited below.
"""

import re
from typing import NoReturn

from im2latex.errors import LatexError
from im2latex.latex.parser.quantities import LENGTH, QUANTITIES, REGISTERS, canonical_quantity
from im2latex.latex.parser.signatures import BRACKET_AFTER_SPACE, CONTROL_SPACE, DELIMITERS, STYLE_SWITCHES
from im2latex.latex.parser.walker import Block, BraceBlock, Piece
from im2latex.latex.tokens import split, squeeze

Item = tuple[str, Block | None, int]
"""Character or control sequence ("" for a block), the block, and its position."""

COMMENT = re.compile(r"(?<!\\)%[^\n]*(?:\n[ \t]*|\Z)")
_LONGEST_QUANTITY = 200
_READ_AS = {"\\sb": "_", "\\sp": "^"} | {"\\" + space: CONTROL_SPACE for space in " \t\n\r\xa0"}
"""Plain TeX's control sequences for the script characters, and the control spaces."""

_POSITIONS = re.compile(r"[tbc]")
_COLUMNS = re.compile(r"[lcr|]+")
_POSITION_ONLY = frozenset(split("array gathered lgathered rgathered"))
r"""Environments that treat every option but `[t]` and `[b]` as `[c]`, even `[ t ]` (`\@array`; mathtools' `gathered`).
"""
OPTION_AFTER_SPACE = frozenset(split("array alignedat"))
"""Environments that accept the option after spaces; in the others such a bracket is mathematics."""
_WITH_COLUMNS = re.compile(r"[pbBvV]?(?:small)?matrix\*")
_KEYWORD = re.compile(r"[A-Za-z]*")
_BEGIN = re.compile(r"\\begin\s*\{[^{}]*\}")


def items(pieces: list[Piece]) -> list[Item]:
    """Convert pieces to items of mathematics: characters without spaces, control sequences and blocks, in order."""
    found: list[Item] = []
    for piece in pieces:
        text, _, start = piece
        if text in _READ_AS:
            found.append((_READ_AS[text], None, start))
        elif not text or text[0] == "\\":
            found.append(piece)
        else:
            found += [(c, None, at) for at, c in enumerate(text, start) if not c.isspace() or c == "\u00a0"]
    return found


class Cursor:
    """Reads what needs no grammar: single items, delimiters, and runs of characters."""

    def __init__(self, source: str, inside: list[Item]) -> None:
        self.source = source
        self.items = inside
        self.index = 0

    @property
    def at_end(self) -> bool:
        """Whether no items are left."""
        return self.index >= len(self.items)

    def peek(self) -> str | None:
        """Return the next item's character or control sequence; "" for a larger node, None at the end."""
        return self.items[self.index][0] if self.index < len(self.items) else None

    @property
    def position(self) -> int:
        """Position of the next item in the source; at the end, of the last item."""
        return self.items[min(self.index, len(self.items) - 1)][2] if self.items else 0

    @property
    def end(self) -> int:
        """End position of the last consumed item in the source."""
        item, block, position = self.items[self.index - 1]
        return position + len(item) if block is None else block.end

    def is_adjacent(self, end: int) -> bool:
        """Whether the next item is at `end` in the source, with only comments in between."""
        if self.at_end:
            return False
        between = self.source[end : self.items[self.index][2]]
        return not between or not COMMENT.sub("", between)

    def option(self) -> str | None:
        """Consume brackets and return their source as TeX reads it: spaces stay, braces around all of it do not.

        Returns None and consumes nothing where there is no bracket or none closes it.
        """
        start = self.position + 1
        inside = self.bracketed()
        if inside is None:
            return None
        word = COMMENT.sub("", self.source[start : self.end - 1])
        alone = len(inside) == 1 and isinstance(inside[0][1], BraceBlock)
        return word[1:-1] if alone and word[:1] + word[-1:] == "{}" else word

    def group(self) -> list[Item] | None:
        """Consume a brace group and return its items; None where there is none."""
        block = None if self.at_end else self.items[self.index][1]
        if not isinstance(block, BraceBlock):
            return None
        self.index += 1
        return items(block.pieces)

    def bracketed(self) -> list[Item] | None:
        """Consume brackets, up to the first closing one outside braces, and return their items, or None."""
        if self.peek() != "[":
            return None
        for close in range(self.index + 1, len(self.items)):
            if self.items[close][0] == "]":
                inside = self.items[self.index + 1 : close]
                self.index = close + 1
                return inside
        return None

    def quantity(self, kind: str, name: str) -> str:
        """Consume a number or lengths without braces; `kind` as in `quantities.QUANTITIES`."""
        given, ends = self._characters()
        pattern, reason, example = QUANTITIES[kind]
        match = pattern.match(given)
        if match is None:
            self.fail(reason, f"{name} needs {example}")
        self.index = ends[match.end() - 1] if match.end() else self.index
        return canonical_quantity(kind, match[1])

    def _characters(self) -> tuple[str, list[int]]:
        """Return the following characters, runs of spaces as one, and for each the index of the item after it.

        Includes the names of registers, and a control sequence of one character after the mark of a character code.
        """
        text = ""
        ends: list[int] = []
        behind = self.items[self.index][2] if not self.at_end else 0
        for index in range(self.index, min(self.index + _LONGEST_QUANTITY, len(self.items))):
            item, block, position = self.items[index]
            if block is not None or not (len(item) == 1 or item in REGISTERS or (len(item) == 2 and text[-1:] == "`")):
                break
            if position > behind and not text.endswith(" ") and _holds_space(self.source[behind:position]):
                text += " "
                ends.append(index)
            text += item
            ends += [index + 1] * len(item)
            behind = position + len(item)
        return text, ends

    def delimiter(self) -> str:
        r"""Consume one delimiter, which may be in braces after `\big`."""
        if self.at_end:
            self.fail("missing_argument", "a delimiter is missing")
        item, block, position = self.items[self.index]
        inside = self.group()
        if inside is not None:
            item = inside[0][0] if len(inside) == 1 else ""
        elif block is None:
            self.index += 1
        if item not in DELIMITERS:
            self.fail("bad_delimiter", f"{item or 'this'} is not a delimiter", position)
        return item

    def fail(self, reason: str, detail: str, position: int | None = None) -> NoReturn:
        """Raise `LatexError` with `position`, by default the present one."""
        if position is None and self.items:
            position = self.items[min(self.index, len(self.items) - 1)][2]
        raise LatexError(reason, detail, position)


def _holds_space(between: str) -> bool:
    """Whether TeX reads a space there, and not only a comment with the line end that it removes."""
    return bool(COMMENT.sub("", between))


def read_keyword(cursor: Cursor, name: str) -> str | None:
    r"""Read an option that is compared letter by letter: `\smash[b]`, `\cfrac[l]`, `\cramped[\scriptstyle]`.

    A style may be followed by a space, which ends the control sequence. With any other space the option is another
    keyword (`\csname mb@#1\endcsname` and `\ifx l#1` in amsmath.sty), and the error is `bad_option`.
    """
    position = cursor.position
    word = cursor.option()
    if word is None:
        return None
    if word.rstrip() in STYLE_SWITCHES:
        return word.rstrip()
    if _KEYWORD.fullmatch(word) is None:
        cursor.fail("bad_option", f"{name} compares [{word}] letter by letter, spaces included", position)
    return word


def column_letter(cursor: Cursor, name: str, word: str) -> str:
    r"""Return the column letter of `subarray`, which is centered only for `{c}` (`\ifx c#1` in amsmath.sty)."""
    if word.startswith("c") and word != "c":
        cursor.fail("bad_option", f"{name} compares {{{word}}} letter by letter, spaces included")
    return "c" if word == "c" else "l"


def read_placement(cursor: Cursor, name: str, begin: int, spaced: bool) -> str:
    r"""Read the option of an environment that begins at `begin` in the source, as written; "" for none.

    `spaced` says whether LaTeX's `\@ifnextchar` skips spaces around the environment. In aligned and alignedat, a
    bracket without a position is mathematics (`\ams@start@box` in amsmath.sty).
    """
    opened = _BEGIN.match(cursor.source, begin)
    if not (spaced and name in OPTION_AFTER_SPACE) and (opened is None or not cursor.is_adjacent(opened.end())):
        return ""
    start, position = cursor.index, cursor.position
    word = cursor.option()
    if word is None:
        return ""
    if name == "multlined":
        second = cursor.option() if cursor.is_adjacent(cursor.end) else None
        return _dimensions(cursor, [word] if second is None else [word, second], position)
    if _WITH_COLUMNS.fullmatch(name):
        columns = squeeze(word)
        if _COLUMNS.fullmatch(columns) is None:
            cursor.fail("bad_option", f"[{word}] of {name} is not a column type", position)
        return f"[{columns}]"
    if name in _POSITION_ONLY:
        return f"[{word}]" if _POSITIONS.fullmatch(word) else ""
    if _POSITIONS.fullmatch(word.lstrip()):
        return f"[{word.lstrip()}]"
    if name == "alignedat":
        cursor.fail("bad_option", f"[{word}] of {name} is not a position", position)
    cursor.index = start
    return ""


def _dimensions(cursor: Cursor, words: list[str], position: int) -> str:
    """Read a position and a width in either order, both optional (`multlined` in mathtools.sty)."""
    option = ""
    for word in words:
        squeezed = squeeze(word)
        if squeezed and not _POSITIONS.fullmatch(word) and not LENGTH.fullmatch(squeezed):
            cursor.fail("bad_option", f"[{word}] of multlined is neither t, b, c nor a width", position)
        option += f"[{squeezed}]"
    return option


def allows_space_before_gap(table: str) -> bool:
    r"""Whether `\\` accepts its `[length]` after spaces; outside of tables it is LaTeX's own and does."""
    return not table or table in BRACKET_AFTER_SPACE


def read_row_break(cursor: Cursor, after_space: bool, end: int) -> str:
    r"""Read the star and the gap that may follow `\\`, which ends at `end` in the source."""
    star = ""
    if cursor.peek() == "*" and cursor.is_adjacent(end):
        cursor.index += 1
        star = "*"
    if not after_space and not cursor.is_adjacent(end + len(star)):
        return "\\\\" + star
    start = cursor.index
    option = cursor.option()
    length = None if option is None else LENGTH.fullmatch(squeeze(option))
    if length is None:
        if option and any(register in option for register in REGISTERS):
            cursor.fail("bad_length", f"[{option}] after a row break")
        cursor.index = start
        return "\\\\" + star
    return f"\\\\{star}[{length[0]}]"
