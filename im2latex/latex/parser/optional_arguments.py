r"""Options in brackets: how they are read, and where a bracket is no option at all.

Macros compare some options letter by letter, so that a space counts, and some look for a bracket only right behind
themselves. What each does was read from latex.ltx, amsmath.sty and mathtools.sty, as named below.
"""

import re

from im2latex.latex.parser.cursor import Cursor
from im2latex.latex.parser.quantities import LENGTH, REGISTERS
from im2latex.latex.parser.signatures import BRACKET_AFTER_SPACE, STYLE_SWITCHES
from im2latex.latex.tokens import split, squeeze

_POSITIONS = re.compile(r"[tbc]")
_COLUMNS = re.compile(r"[lcr|]+")
_IGNORED = frozenset(split("array gathered lgathered rgathered"))
r"""Environments that set anything but `[t]` and `[b]` as `[c]`, even `[ t ]` (`\@array`; mathtools' `gathered`)."""
OPTION_AFTER_SPACE = frozenset(split("array alignedat"))
"""Environments that find the option behind spaces; the bracket is mathematics in the others."""
_WITH_COLUMNS = re.compile(r"[pbBvV]?(?:small)?matrix\*")
_KEYWORD = re.compile(r"[A-Za-z]*")
_BEGIN = re.compile(r"\\begin\s*\{[^{}]*\}")


def read_keyword(cursor: Cursor, name: str) -> str | None:
    r"""Take an option that is compared letter by letter: `\smash[b]`, `\cfrac[l]`, `\cramped[\scriptstyle]`.

    A style may have a space behind it, which ends the control sequence. Other spaces make another keyword of it
    (`\csname mb@#1\endcsname` and `\ifx l#1` in amsmath.sty), which is refused as `bad_option`.
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
    r"""The column letter of `subarray`, which centres for `{c}` and for nothing else (`\ifx c#1` in amsmath.sty)."""
    if word.startswith("c") and word != "c":
        cursor.fail("bad_option", f"{name} compares {{{word}}} letter by letter, spaces included")
    return "c" if word == "c" else "l"


def read_placement(cursor: Cursor, name: str, begin: int, spaced: bool) -> str:
    r"""Take the option of an environment that begins at `begin` in the source, as it is written; "" for none.

    `spaced` says whether LaTeX's `\@ifnextchar` passes over spaces around the environment.

    Aligned and alignedat set a bracket that holds no position as mathematics (`\ams@start@box` in amsmath.sty).
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
            cursor.fail("bad_option", f"[{word}] of {name} is no column", position)
        return f"[{columns}]"
    if name in _IGNORED:
        return f"[{word}]" if _POSITIONS.fullmatch(word) else ""
    if _POSITIONS.fullmatch(word.lstrip()):
        return f"[{word.lstrip()}]"
    if name == "alignedat":
        cursor.fail("bad_option", f"[{word}] of {name} is no position", position)
    cursor.index = start
    return ""


def _dimensions(cursor: Cursor, words: list[str], position: int) -> str:
    """A position and a width in either order, both optional (`multlined` in mathtools.sty)."""
    option = ""
    for word in words:
        squeezed = squeeze(word)
        if squeezed and not _POSITIONS.fullmatch(word) and not LENGTH.fullmatch(squeezed):
            cursor.fail("bad_option", f"[{word}] of multlined is neither t, b, c nor a width", position)
        option += f"[{squeezed}]"
    return option


def allows_space_before_gap(table: str) -> bool:
    r"""Whether `\\` finds its `[length]` behind spaces; outside of all tables it is LaTeX's own and does."""
    return not table or table in BRACKET_AFTER_SPACE


def read_row_break(cursor: Cursor, after_space: bool, end: int) -> str:
    r"""Take the star and the gap that may follow `\\`, which ends at `end` in the source."""
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
            cursor.fail("bad_length", f"[{option}] behind a row break")
        cursor.index = start
        return "\\\\" + star
    return f"\\\\{star}[{length[0]}]"
