"""Comparison of two images: exact, by their columns, and by the rule of the published scores.

Images are uint8 arrays (H, W), 255 paper and 0 ink. The first argument is the reference; a match is not symmetric.

The column scores restate `scripts/evaluation/evaluate_image.py` of harvardnlp/im2markup (Deng et al., "Image-to-Markup
Generation with Coarse-to-Fine Attention", ICML 2017), with its errors, so that numbers compare with those in papers:
ink is a value of at most 128, and the image of lower height is filled up with paper at the bottom.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import groupby, repeat

import numpy as np
from rapidfuzz.distance import Levenshtein

from im2latex.images import arrays
from im2latex.images.arrays import Pixels

_INK_BELOW = 128
_PUBLISHED_INK_BELOW = 129
_WORD_BITS = 64
_ROWS_AT_ONCE = 256  # bounds the memory for wide images
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
        words = -(-height // _WORD_BITS)
        columns = _columns(reference, words) + _columns(other, words)
        numbers: dict[bytes, int] = {}
        both = [numbers.setdefault(column, len(numbers)) for column in columns]
        self._reference, self._other = both[: reference.shape[1]], both[reference.shape[1] :]
        self._blank = numbers.get(bytes(words * _WORD_BITS // 8))
        self._distinct = np.frombuffer(b"".join(numbers), np.uint64).reshape(len(numbers), words)

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
        return self.edits == 0 or _match(self._reference, self._other, self._kinds(None))

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
        return _match(reference, other, self._kinds(self._blank))

    def _kinds(self, left_out: int | None) -> list[int]:
        """For each distinct column the first one from which it hardly differs, or itself, without regard to one."""
        kinds = list(range(len(self._distinct)))
        if left_out is not None:
            kinds[left_out] = -1
        # A column that is of no earlier kind starts one, with all later columns near it that are of none.
        for first, second in self._near:
            if kinds[first] == first and kinds[second] == second:
                kinds[second] = first
        return kinds

    @cached_property
    def _near(self) -> list[tuple[int, int]]:
        """The pairs of distinct columns that differ in fewer than five pixels, in order."""
        pairs: list[tuple[int, int]] = []
        for start in range(0, len(self._distinct), _ROWS_AT_ONCE):
            later = self._distinct[start:]
            rows = later[:_ROWS_AT_ONCE]
            differing = np.zeros((len(rows), len(later)), np.uint16)
            for word in range(later.shape[1]):
                differing += np.bitwise_count(rows[:, None, word] ^ later[None, :, word])
            first, second = np.nonzero(np.triu(differing < _TOLERANCE, 1))
            pairs += zip((first + start).tolist(), (second + start).tolist(), strict=True)
        return pairs


def _columns(image: Pixels, words: int) -> list[bytes]:
    """The columns as bits, ink set, filled up with paper at the bottom to so many words."""
    bits = np.packbits(image < _PUBLISHED_INK_BELOW, axis=0).T
    size = words * _WORD_BITS // 8
    columns = np.zeros((len(bits), size), np.uint8)
    columns[:, : bits.shape[1]] = bits
    data = columns.tobytes()
    return [data[start : start + size] for start in range(0, len(data), size)]


def _match(reference: Sequence[int], other: Sequence[int], kinds: Sequence[int]) -> bool:
    first, second = ([kinds[column] for column in side] for side in (reference, other))
    # So few differences in total make no block that is longer.
    if Levenshtein.distance(first, second, score_cutoff=_TOLERANCE - 1) < _TOLERANCE:
        return True
    return all(span < _TOLERANCE for span in reference_spans(first, second))


def reference_spans(reference: Sequence[int], other: Sequence[int]) -> list[int]:
    """The length in the reference of each block in which the sequences differ, from the end; 0 for an insertion.

    The blocks are those of python-Levenshtein 0.12. There are many shortest edits, and which of them is taken decides
    how long a block is. The published scores of images were computed with that library, whose later versions choose
    otherwise, so its choice is restated here: common ends are removed; from the end backwards, continue in the
    direction of a running insertion or deletion, else keep, else replace, else insert, else delete.
    """
    first, second = _strip_common_ends(reference, other)
    runs = ((step, sum(1 for _ in run)) for step, run in groupby(_steps_back(first, second)))
    return [0 if step == INSERT else length for step, length in runs if step != KEEP]


def _strip_common_ends(first: Sequence[int], second: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
    start = _common_length(first, second)
    first, second = first[start:], second[start:]
    end = _common_length(first[::-1], second[::-1])
    return first[: len(first) - end], second[: len(second) - end]


def _common_length(first: Sequence[int], second: Sequence[int]) -> int:
    """The number of equal items at the start."""
    return next(
        (place for place, (one, other) in enumerate(zip(first, second, strict=False)) if one != other),
        min(len(first), len(second)),
    )


def _steps_back(first: Sequence[int], second: Sequence[int]) -> Iterator[int]:
    """The edit steps from the end of both sequences to their start."""
    columns = _differences(first, second)
    i, j, last = len(first), len(second), KEEP
    while i and j:
        as_diagonal, above_left, above_upper = columns[j - 1]
        row = i - 1
        if last == INSERT and above_left >> row & 1:
            step = INSERT
        elif last == DELETE and above_upper >> row & 1:
            step = DELETE
        elif not as_diagonal >> row & 1:
            step = REPLACE
        elif first[row] == second[j - 1]:
            step = KEEP
        else:
            step = INSERT if above_left >> row & 1 else DELETE
        i -= step != INSERT
        j -= step != DELETE
        last = step
        yield step
    yield from repeat(DELETE, i)
    yield from repeat(INSERT, j)


def _differences(first: Sequence[int], second: Sequence[int]) -> list[tuple[int, int, int]]:
    """The table of Wagner and Fischer 1974 by the differences of its cells: for each of `second`, three sets of bits.

    Bit i says, of the cell of `first[i]`, whether it equals its upper left neighbour, whether it is one more than the
    left one, and whether it is one more than the upper one. The recurrence is that of Hyyrö, "Explaining and Extending
    the Bit-parallel Approximate String Matching Algorithm of Myers" (2001), with D0, HP and VP as named there.
    """
    every = (1 << len(first)) - 1
    places: dict[int, int] = {}
    for index, kind in enumerate(first):
        places[kind] = places.get(kind, 0) | 1 << index
    above_plus, above_minus = every, 0
    columns = []
    for kind in second:
        matching = places.get(kind, 0) | above_minus
        diagonal = (((matching & above_plus) + above_plus) ^ above_plus | matching) & every
        left_plus = above_minus | every & ~(above_plus | diagonal)
        left_minus = above_plus & diagonal
        shifted = (left_plus << 1 | 1) & every
        above_plus = (left_minus << 1 | ~(diagonal | shifted)) & every
        above_minus = shifted & diagonal
        columns.append((diagonal, left_plus, above_plus))
    return columns
