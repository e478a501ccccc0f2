r"""Displays as papers write them, and the same rows as they are typeset inside a formula."""

import re

from im2latex.errors import LatexError
from im2latex.latex.papers.lexer import untokenize

_INNER = {
    "align": "aligned",
    "flalign": "aligned",
    "alignat": "alignedat",
    "gather": "gathered",
    "multline": "multlined",
}
_BARE = ("equation", "displaymath", "math", "dmath")
_ARRAYS = ("eqnarray", "IEEEeqnarray")
DISPLAYS = frozenset(name + star for name in (*_INNER, *_BARE, *_ARRAYS) for star in ("", "*"))
r"""Environments that are displays; `equation` and its kin hold one formula, the others rows."""

_SILENT_WITH_ARGUMENT = frozenset(["\\label", "\\tag"])
_SILENT = frozenset(
    ["\\nonumber", "\\notag", "\\displaybreak", "\\allowdisplaybreaks", "\\qedhere", "\\IEEEeqnarraynumspace"]
)
_INFIX = frozenset(["\\over", "\\atop", "\\choose", "\\brack", "\\brace", "\\above"])
_OPTION = re.compile(r"^\s*\[[^]]*\]")


def typeset_inside(parts: list[str], env: str) -> str:
    r"""The expanded tokens of a display as one formula, typeset alike inside `$\displaystyle ...$`."""
    parts = _audible(parts)
    name = env.rstrip("*")
    if name in _INNER:
        argument, rows = _argument(parts) if name == "alignat" else ("", parts)
        inner = _INNER[name]
        return f"\\begin{{{inner}}}{argument} {_rows(rows)} \\end{{{inner}}}" if _rows(rows) else ""
    if name in _ARRAYS:
        columns, rows = _columns(parts) if name == "IEEEeqnarray" else ("rcl", parts)
        return f"\\begin{{array}}{{{columns}}} {_rows(rows)} \\end{{array}}" if _rows(rows) else ""
    formula = untokenize(parts).strip()
    # in a display the style before a fraction is not part of its numerator
    return f"{{{formula}}}" if _has_open_fraction(parts) else formula


def _audible(parts: list[str]) -> list[str]:
    """The tokens without numbering, labels and whatever stands behind `\\eqno`."""
    kept: list[str] = []
    place = 0
    while place < len(parts):
        token = parts[place]
        place += 1
        if token in ("\\eqno", "\\leqno"):
            break
        if token in _SILENT_WITH_ARGUMENT:
            place = _behind_argument(parts, place)
        elif token not in _SILENT and not token.startswith("\\IEEEyes") and not token.startswith("\\IEEEno"):
            kept.append(token)
    return kept


def _behind_argument(parts: list[str], place: int) -> int:
    while place < len(parts) and parts[place] in (" ", "*"):
        place += 1
    if place >= len(parts) or parts[place] != "{":
        return place
    depth = 0
    for index in range(place, len(parts)):
        depth += (parts[index] == "{") - (parts[index] == "}")
        if depth == 0:
            return index + 1
    raise LatexError("unbalanced_group", "a label is never closed")


def _rows(parts: list[str]) -> str:
    """Rows without a break behind the last."""
    text = untokenize(parts).strip()
    while text.endswith("\\\\") and not text.endswith("\\\\\\\\"):
        text = text[:-2].rstrip()
    return text


def _argument(parts: list[str]) -> tuple[str, list[str]]:
    """The first group, with its braces, and the rest."""
    parts = parts[next((i for i, token in enumerate(parts) if token != " "), 0) :]
    end = _behind_argument(parts, 0)
    return untokenize(parts[:end]), parts[end:]


def _columns(parts: list[str]) -> tuple[str, list[str]]:
    """The columns of an IEEEeqnarray as those of an array."""
    text = untokenize(parts)
    match = _OPTION.match(text)
    if match:
        parts = parts[parts.index("]") + 1 :]
    argument, rows = _argument(parts)
    return "".join(letter.lower() for letter in argument if letter in "lcrLCR") or "rcl", rows


def _has_open_fraction(parts: list[str]) -> bool:
    depth = 0
    for token in parts:
        depth += (token in ("{", "\\left")) - (token in ("}", "\\right"))
        if depth == 0 and token in _INFIX:
            return True
    return False
