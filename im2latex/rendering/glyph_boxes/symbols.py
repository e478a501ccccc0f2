"""Symbols of a page and their boxes, from its marks (`dvi`).

The label of a symbol is a font family and a character of it, so that a letter has one label in every size. So have the
shapes of one delimiter, operator or accent in several sizes: TeX's chains of larger characters relate them, and the
stacked pieces of an extensible delimiter are one symbol.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from im2latex.rendering.glyph_boxes.dvi import RULE, Mark
from im2latex.rendering.glyph_boxes.tfm import FontMetrics

DPI = 200
"""Boxes are in pixels at this resolution, that of the published CDM."""
_SP_PER_PX = 65536 * 72.27 / DPI
_DESIGN_SIZE = re.compile(r"\d+$")
_TOLERANCE = 4  # scaled points by which rounding may separate two pieces of one delimiter

# Where the smallest shape of a symbol is in another font than its larger ones: \DeclareMathDelimiter of LaTeX's
# fontmath.ltx for delimiters, and the wide accents \widehat and \widetilde of the same file.
_LARGER: Mapping[tuple[str, int], int] = MappingProxyType(
    {("cmr", code): large for code, large in ((40, 0), (41, 1), (91, 2), (93, 3), (94, 98), (126, 101))}
    | {("cmmi", 61): 14}
    | {
        ("cmsy", code): large
        for code, large in (
            *((34, 120), (35, 121), (42, 126), (43, 127), (98, 4), (99, 5), (100, 6), (101, 7), (102, 8), (103, 9)),
            *((104, 10), (105, 11), (106, 12), (107, 13), (108, 63), (109, 119), (110, 15), (112, 112)),
        )
    }
)


class GlyphBoxes(NamedTuple):
    """The N symbols of one formula in the order in which TeX set them.

    `boxes` (N, 4) float: left, top, right, bottom in pixels at 200 dpi, y downwards, from the corner of all boxes.
    """

    labels: tuple[str, ...]
    boxes: NDArray[np.float64]


def glyph_boxes(marks: Sequence[Mark], load: Callable[[str], FontMetrics]) -> GlyphBoxes:
    """Group marks to symbols; returns their labels and boxes."""
    labels: list[str] = []
    boxes: list[tuple[int, int, int, int]] = []
    for stack in _stacks(marks, load):
        labels.append(_label(stack, load))
        boxes.append(
            (
                min(mark.x for mark in stack),
                min(mark.y - mark.height for mark in stack),
                max(mark.x + mark.width for mark in stack),
                max(mark.y + mark.depth for mark in stack),
            )
        )
    array = np.array(boxes, np.float64).reshape(len(boxes), 4)
    if len(array):
        array -= np.tile(array[:, :2].min(axis=0), 2)
    return GlyphBoxes(tuple(labels), array / _SP_PER_PX)


def _stacks(marks: Sequence[Mark], load: Callable[[str], FontMetrics]) -> list[list[Mark]]:
    """Each mark alone, but the pieces of one delimiter together: TeX sets them consecutively, one below the other."""
    stacks: list[list[Mark]] = []
    for mark in marks:
        last = stacks[-1][-1] if stacks else None
        if (
            last is not None
            and mark.font == last.font != RULE
            and mark.x == last.x
            and abs((mark.y - mark.height) - (last.y + last.depth)) <= _TOLERANCE
            and any({mark.code, last.code} <= {*recipe} for recipe in load(mark.font).recipes.values())
        ):
            stacks[-1].append(mark)
        else:
            stacks.append([mark])
    return stacks


def _label(stack: Sequence[Mark], load: Callable[[str], FontMetrics]) -> str:
    """Font family and code of the smallest character of its chain; `bar` or `line` for a rule."""
    first = stack[0]
    if first.font == RULE:
        return "bar" if first.width >= first.height else "line"
    metrics = load(first.font)
    code = first.code
    if len(stack) > 1:
        codes = {mark.code for mark in stack}
        fitting = (
            owner
            for owner, recipe in metrics.recipes.items()
            if codes <= {*recipe} and codes - {recipe.repeated} == recipe.ends - {recipe.repeated}
        )
        code = next(fitting, code)
    code = metrics.smallest.get(code, code)
    family = _DESIGN_SIZE.sub("", first.font)
    large = _LARGER.get((family, code))
    return f"{family}/{code}" if large is None else f"cmex/{large}"
