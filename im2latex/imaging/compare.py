"""Are two pictures the same: exactly, by their columns, and by the rule of the published scores.

Takes uint8 arrays (H, W), 255 paper and 0 ink. The first argument is the reference, and `match` is not symmetric.

The column scores restate `scripts/evaluation/evaluate_image.py` of harvardnlp/im2markup (Deng et al., "Image-to-Markup
Generation with Coarse-to-Fine Attention", ICML 2017), with its faults, so that numbers compare with those in papers:
ink is a value of at most 128, and the lower picture is filled up with paper at the bottom.
"""

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from im2latex.imaging import raster

Pixels = NDArray[np.uint8]

_INK_BELOW = 128
_PUBLISHED_INK_BELOW = 129
_TOLERANCE = 5  # pixels in which columns may differ, and columns a difference may span: fewer than this


def same_ink(a: Pixels, b: Pixels) -> bool:
    """Whether the ink (value < 128), cropped, has the same shape and the same pixels."""
    first, second = (raster.crop(picture, _INK_BELOW) < _INK_BELOW for picture in (a, b))
    return np.array_equal(first, second)


def column_edit(a: Pixels, b: Pixels) -> int:
    """Levenshtein distance of the sequences of columns, where only equal columns match; at most the larger width."""
    first, second = _columns(a, b)
    return _distance(first, second)


def match(a: Pixels, b: Pixels) -> bool:
    """The published match "with spaces".

    Columns that differ in fewer than five pixels from an earlier kind of column count as that kind. The pictures
    match where every difference of the two sequences spans fewer than five columns *of the reference*: so any
    amount of ink that the other picture has on top is forgiven, which is a fault, and kept.
    """
    return _match(*_columns(a, b))


def match_nospace(a: Pixels, b: Pixels) -> bool:
    """The published match "without spaces": as `match`, after all blank columns are dropped."""
    first, second = (columns[columns.any(axis=1)] for columns in _columns(a, b))
    if not len(first) or not len(second):
        return len(first) == len(second)
    return _match(first, second)


def _columns(a: Pixels, b: Pixels) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The columns (W, H / 8) of both pictures as bits, ink set, in a common height."""
    height = max(a.shape[0], b.shape[0], 1)

    def bits(picture: Pixels) -> NDArray[np.uint8]:
        ink = np.zeros((picture.shape[1], height), bool)
        ink[:, : picture.shape[0]] = (picture < _PUBLISHED_INK_BELOW).T
        return np.packbits(ink, axis=1)

    return bits(a), bits(b)


def _distance(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> int:
    """Levenshtein distance of two sequences of columns."""
    return int(Levenshtein.distance([row.tobytes() for row in first], [row.tobytes() for row in second]))


def _match(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> bool:
    if _distance(first, second) == 0:
        return True
    kinds = _kinds(np.concatenate([first, second]))
    operations = Levenshtein.opcodes(kinds[: len(first)], kinds[len(first) :])
    return all(step.tag == "equal" or step.src_end - step.src_start < _TOLERANCE for step in operations)


def _kinds(columns: NDArray[np.uint8]) -> list[int]:
    """A number for each column: that of the first kind it hardly differs from, or of a new kind."""
    known: dict[bytes, int] = {}
    kinds = np.empty_like(columns)
    count = 0
    result = []
    for column in columns:
        key = column.tobytes()
        if key not in known:
            differing = np.bitwise_count(kinds[:count] ^ column).sum(axis=1)
            near = np.flatnonzero(differing < _TOLERANCE)
            if len(near):
                known[key] = int(near[0])
            else:
                known[key] = count
                kinds[count] = column
                count += 1
        result.append(known[key])
    return result
