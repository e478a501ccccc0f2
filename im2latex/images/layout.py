"""Layout of an image: what else than one formula it may show.

The image is split at empty rows, and each row at empty columns. Letters of a text line stand close together, on one
baseline, between spaces; the lines of two displayed formulas are further apart than those of one. Lengths are in em of
the estimated font size. The thresholds separate images by their geometry alone, and single formulas cross them too,
so they only explain a prediction that is doubtful for another reason; `benchmarks.layout` measures how well.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from im2latex.images.arrays import PAPER, Pixels
from im2latex.images.crop import INK, ink_box
from im2latex.images.font_size import estimate_font_size
from im2latex.images.foreground import BoundingBox
from im2latex.images.morphology import connected_components
from im2latex.types import NO_FORMULA, SEVERAL_FORMULAS, TEXT

MIN_FORMULA_GAP = 0.58
"""Height of the paper between two formulas; rows of one formula are hardly ever so far apart."""
MIN_WORDS = 4
MIN_WORD_SHARE = 0.6
"""Share of the width of all ink that words cover in a text."""
_ROW_GAP = 0.06
_WORD_GAP = 0.14
_ROW_HEIGHTS = (0.4, 1.35)
"""Heights of a line of text: letters without ascenders, to parentheses with descenders."""
_WORD_HEIGHTS = (0.38, 1.1)
_MIN_WORD_WIDTH = 1.1
_MAX_INK_SHARE = 0.33
"""Formulas have less ink in their bounding box; photographs and diagrams may have more."""
_MAX_PART_SHARE, _MIN_PARTS = 0.5, 30
"""A part this large, as of the bounding box, with that many parts in it is the frame of a diagram."""

_Runs = list[tuple[int, int]]
_Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Layout:
    """What an image shows, a `reason` of `im2latex.types` or None for one formula, and the boxes of its formulas.

    The boxes (top, bottom, left, right) are in pixels of the image, from top to bottom: where rows are far apart, each
    that is no text.
    """

    reason: str | None = None
    boxes: Sequence[BoundingBox] = ()


def analyze_layout(pixels: Pixels) -> Layout:
    """Find out what a grayscale image (h, w) with ink, 255 paper, may show other than one formula."""
    ink = (1 - pixels / PAPER).astype(np.float32)
    black = ink > INK
    if not black.any():
        return Layout()
    top, bottom, left, right = ink_box(ink, INK)
    ink, black = ink[top:bottom, left:right], black[top:bottom, left:right]
    if _is_picture(black):
        return Layout(NO_FORMULA)
    em = estimate_font_size(ink).em
    blocks = _runs(_rows(black), MIN_FORMULA_GAP * em)
    is_text = [_is_text(black[slice(*block)], em) for block in blocks]
    if len(blocks) == 1:
        return Layout(TEXT if is_text[0] else None)
    formulas = [block for block, text in zip(blocks, is_text, strict=True) if not text]
    reason = TEXT if any(is_text) else SEVERAL_FORMULAS
    return Layout(reason, [_box(black, block, top, left) for block in formulas])


def _is_picture(black: _Mask) -> bool:
    if black.mean() > _MAX_INK_SHARE:
        return True
    boxes = connected_components(black).boxes
    sizes = (boxes[:, 1] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 2])
    return len(boxes) >= _MIN_PARTS and bool(sizes.max() > _MAX_PART_SHARE * black.size)


def _is_text(black: _Mask, em: float) -> bool:
    """Whether most of the ink is words, in most of the rows."""
    rows = _runs(_rows(black), _ROW_GAP * em)
    inked = in_words = words = text_rows = 0
    for start, end in rows:
        row = black[start:end]
        runs = _runs(_columns(row), _WORD_GAP * em)
        lengths = [right - left for left, right in runs if _is_word(row[:, left:right], em)]
        width = sum(right - left for left, right in runs)
        inked += width
        if _ROW_HEIGHTS[0] < (end - start) / em < _ROW_HEIGHTS[1]:
            in_words += sum(lengths)
            words += len(lengths)
            text_rows += sum(lengths) > width / 2
    return words >= MIN_WORDS and in_words >= MIN_WORD_SHARE * inked and text_rows >= MIN_WORD_SHARE * len(rows)


def _is_word(black: _Mask, em: float) -> bool:
    rows = np.flatnonzero(_rows(black))
    height = (rows[-1] - rows[0] + 1) / em
    return bool(black.shape[1] >= _MIN_WORD_WIDTH * em and _WORD_HEIGHTS[0] < height < _WORD_HEIGHTS[1])


def _rows(black: _Mask) -> _Mask:
    """Which rows have ink."""
    rows: _Mask = np.any(black, axis=1)
    return rows


def _columns(black: _Mask) -> _Mask:
    return _rows(black.T)


def _runs(occupied: _Mask, gap: float) -> _Runs:
    """Start and end of the runs of occupied rows or columns; those less than `gap` apart are one."""
    steps = np.diff(np.pad(occupied.view(np.int8), 1))
    starts, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    split = starts[1:] - ends[:-1] >= gap
    return list(zip(starts[np.r_[True, split]].tolist(), ends[np.r_[split, True]].tolist(), strict=True))


def _box(black: _Mask, block: tuple[int, int], top: int, left: int) -> BoundingBox:
    columns = np.flatnonzero(_columns(black[slice(*block)]))
    return top + block[0], top + block[1], left + int(columns[0]), left + int(columns[-1]) + 1
