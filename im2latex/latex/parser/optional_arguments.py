"""Parsers of optional arguments in brackets, and of brackets that are no optional argument.

Macros compare some options letter by letter, so that a space counts, and some accept a bracket only directly after the
command. Sources: latex.ltx, amsmath.sty and mathtools.sty, as cited below.
"""

import re

from im2latex.latex.parser.cursor import Cursor
from im2latex.latex.parser.quantities import LENGTH, REGISTERS
from im2latex.latex.parser.signatures import BRACKET_AFTER_SPACE, STYLE_SWITCHES
from im2latex.latex.tokens import split, squeeze

_POSITIONS = re.compile(r"[tbc]")
_COLUMNS = re.compile(r"[lcr|]+")
_IGNORED = frozenset(split("array gathered lgathered rgathered"))
r"""Environments that treat every option but `[t]` and `[b]` as `[c]`, even `[ t ]` (`\@array`; mathtools' `gathered`).
"""
OPTION_AFTER_SPACE = frozenset(split("array alignedat"))
"""Environments that accept the option after spaces; in the others such a bracket is mathematics."""
_WITH_COLUMNS = re.compile(r"[pbBvV]?(?:small)?matrix\*")
_KEYWORD = re.compile(r"[A-Za-z]*")
_BEGIN = re.compile(r"\\begin\s*\{[^{}]*\}")


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
    if name in _IGNORED:
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
