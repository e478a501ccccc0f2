"""The part of the automaton of `nesting` for column specifications, and how many cells a row may have."""

import re

from im2latex.latex.automaton.stack import Place, Sort
from im2latex.latex.automaton.words import COLUMN_KINDS, due_inside
from im2latex.latex.parser.quantities import WRITTEN_UNIT

KEYWORDS = re.compile(rf"(?:(?:width|height|depth)[-+]*[\d.]+{WRITTEN_UNIT})+")
r"""What may stand behind `\vrule`."""

MOST_CELLS = dict.fromkeys(["cases", "dcases", "rcases", "drcases", "split"], 2)
MOST_CELLS |= dict.fromkeys(["gathered", "multlined", "lgathered", "rgathered", "subarray", "crampedsubarray"], 1)
MOST_CELLS |= {f"{kind}matrix{star}": 10 for kind in ("", *"pbBvV") for star in ("", "*")}
"""Cells in a row of amsmath's and mathtools' tables; ten is MaxMatrixCols as amsmath sets it (user guide, 4.1)."""

COUNTED_COLUMNS = 12
"""Wider arrays may have any number of cells: each width that is counted costs places of its own."""


def rule_part(token: str) -> str:
    r"""Of a column in several tokens, between which `\vrule` has its keywords: the first, one between, or the last."""
    behind, before = bool(KEYWORDS.match(token)), token.endswith("\\vrule")
    return "between" if behind and before else "last" if behind else "first" if before else ""


def in_columns(place: Place, token: Sort) -> tuple[Place, ...] | None:
    """A column specification; its end opens the rows of the array it belongs to."""
    if place.spelled and token.name in COLUMN_KINDS:
        cells = 0 if COLUMN_KINDS[token.name] == "@" else 1
        on = place._replace(used=min(place.used + cells, COUNTED_COLUMNS + 1))
        return (on, *due_inside(COLUMN_KINDS[token.name].replace("@", "m")))
    if token.cells is not None and token.role in ("symbol", "raw"):
        if (place.after == "first") != (token.name in ("between", "last")) or (place.spelled and token.name):
            return None
        after = "first" if token.name in ("first", "between") else ""
        return (place._replace(after=after, used=min(place.used + token.cells, COUNTED_COLUMNS + 1)),)
    if token.role != "}" or not place.used or place.after:
        return None
    if not place.name:
        return ()
    counted = place.used <= COUNTED_COLUMNS
    most = MOST_CELLS.get(place.name, place.used) if counted else None
    return (Place("table", "\\begin", place.name, used=1 if counted else 0, most=most),)
