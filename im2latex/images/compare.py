"""Comparison of two images: exact, by their columns, and by the rule of the published scores.

Images are uint8 arrays (H, W), 255 paper and 0 ink. The first argument is the reference; a match is not symmetric.

The column scores restate `scripts/evaluation/evaluate_image.py` of harvardnlp/im2markup (Deng et al., "Image-to-Markup
Generation with Coarse-to-Fine Attention", ICML 2017), with its errors, so that numbers compare with those in papers:
ink is a value of at most 128, and the image of lower height is filled up with paper at the bottom.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from im2latex.images import arrays
from im2latex.images.arrays import Pixels

_INK_BELOW = 128
_PUBLISHED_INK_BELOW = 129
_TOLERANCE = 5  # columns may differ in fewer pixels than this, and a difference may span fewer columns
KEEP, REPLACE, INSERT, DELETE = range(4)


def same_ink(a: Pixels, b: Pixels) -> bool:
    """Whether the ink (value < 128), cropped, has the same shape and the same pixels."""
    first, second = (arrays.crop(image, _INK_BELOW) < _INK_BELOW for image in (a, b))
    return np.array_equal(first, second)


class ColumnComparison:
    """The published comparison of a reference image with another, column by column."""

    def __init__(self, reference: Pixels, other: Pixels) -> None:
        height = max(reference.shape[0], other.shape[0], 1)
        self._reference, self._other = _columns(reference, height), _columns(other, height)
        self._blank = bytes(-(-height // 8))

    @cached_property
    def edits(self) -> int:
        """Levenshtein distance of the sequences, where only equal columns match; at most the larger width."""
        return int(Levenshtein.distance(self._reference, self._other))

    @cached_property
    def match(self) -> bool:
        """The published match "with spaces".

        Columns that differ in fewer than five pixels from an earlier kind of column count as that kind. The images
        match where every difference of the two sequences spans fewer than five columns *of the reference*: so any
        amount of ink that the other image has on top is forgiven, which is a fault, and kept.
        """
        return self.edits == 0 or _match(self._reference, self._other)

    @cached_property
    def match_nospace(self) -> bool:
        """The published match "without spaces": as `match`, after all blank columns are dropped."""
        if self.edits == 0:
            return True
        reference, other = (
            [column for column in side if column != self._blank] for side in (self._reference, self._other)
        )
        if not reference or not other:
            return len(reference) == len(other)
        return _match(reference, other)


def _columns(image: Pixels, height: int) -> list[bytes]:
    """The columns as bits, ink set, filled up with paper at the bottom to `height`."""
    ink = np.zeros((image.shape[1], height), bool)
    ink[:, : image.shape[0]] = (image < _PUBLISHED_INK_BELOW).T
    bits = np.packbits(ink, axis=1)
    data, size = bits.tobytes(), bits.shape[1]
    return [data[start : start + size] for start in range(0, len(data), size)]


def _match(reference: list[bytes], other: list[bytes]) -> bool:
    kinds = _kinds([*reference, *other])
    first, second = kinds[: len(reference)], kinds[len(reference) :]
    # So few differences in total make no block that is longer.
    if Levenshtein.distance(first, second, score_cutoff=_TOLERANCE - 1) < _TOLERANCE:
        return True
    return all(span < _TOLERANCE for span in reference_spans(first, second))


def _kinds(columns: list[bytes]) -> list[int]:
    """A number for each column: that of the first kind from which it hardly differs, or of a new kind."""
    distinct = list(dict.fromkeys(columns))
    bits = np.frombuffer(b"".join(distinct), np.uint8).reshape(len(distinct), -1)
    kinds = np.empty(len(distinct), np.int64)
    left = np.arange(len(distinct))
    kind = 0
    # The first column that is of no kind starts one, with all columns near it that are of no earlier kind.
    while len(left):
        near = np.bitwise_count(bits[left] ^ bits[left[0]]).sum(axis=1) < _TOLERANCE
        kinds[left[near]] = kind
        left = left[~near]
        kind += 1
    number = dict(zip(distinct, kinds.tolist(), strict=True))
    return [number[column] for column in columns]


def reference_spans(reference: Sequence[int], other: Sequence[int]) -> list[int]:
    """The length in the reference of each block in which the sequences differ, from the end; 0 for an insertion.

    The blocks are those of python-Levenshtein 0.12. There are many shortest edits, and which of them is taken decides
    how long a block is. The published scores of images were computed with that library, whose later versions choose
    otherwise, so its choice is restated here: common ends are removed; from the end backwards, continue in the
    direction of a running insertion or deletion, else keep, else replace, else insert, else delete.
    """
    first, second = _strip_common_ends(np.asarray(reference, np.int32), np.asarray(other, np.int32))
    runs = ((step, sum(1 for _ in run)) for step, run in groupby(_steps_back(first, second)))
    return [0 if step == INSERT else length for step, length in runs if step != KEEP]


def _strip_common_ends(first: NDArray[np.int32], second: NDArray[np.int32]) -> tuple[NDArray[np.int32], ...]:
    shorter = min(len(first), len(second))
    same = first[:shorter] == second[:shorter]
    start = shorter if same.all() else int(same.argmin())
    first, second = first[start:], second[start:]
    shorter -= start
    same = first[::-1][:shorter] == second[::-1][:shorter]
    end = shorter if same.all() else int(same.argmin())
    return first[: len(first) - end], second[: len(second) - end]


def _steps_back(first: NDArray[np.int32], second: NDArray[np.int32]) -> Iterator[int]:
    """The edit steps from the end of both sequences to their start."""
    costs = _costs(first, second)
    reference, other = first.tolist(), second.tolist()
    i, j, last = len(reference), len(other), KEEP
    while i or j:
        # A cost is stored less its column: the left neighbour is one cheaper where it is equal here.
        here = costs[i][j]
        inserted = j > 0 and here == costs[i][j - 1]
        deleted = i > 0 and here == costs[i - 1][j] + 1
        diagonal = costs[i - 1][j - 1] - 1 if i and j else None
        if last == INSERT and inserted:
            step = INSERT
        elif last == DELETE and deleted:
            step = DELETE
        elif diagonal == here and reference[i - 1] == other[j - 1]:
            step = KEEP
        elif diagonal is not None and diagonal + 1 == here:
            step = REPLACE
        else:
            step = INSERT if inserted else DELETE
        i -= step != INSERT
        j -= step != DELETE
        last = step
        yield step


def _costs(first: NDArray[np.int32], second: NDArray[np.int32]) -> NDArray[np.int32]:
    """The table of Wagner and Fischer 1974, of shape (len(first) + 1, len(second) + 1), each cost less its column."""
    costs = np.zeros((len(first) + 1, len(second) + 1), np.int32)
    costs[:, 0] = np.arange(len(first) + 1)
    step = (first[:, None] != second[None, :]).astype(np.int32) - 1
    for row in range(1, len(costs)):
        above = costs[row - 1]
        np.minimum(above[:-1] + step[row - 1], above[1:] + 1, out=costs[row, 1:])
        np.minimum.accumulate(costs[row], out=costs[row])
    return costs
