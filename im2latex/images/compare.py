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
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from im2latex.images import arrays
from im2latex.images.arrays import Pixels

_INK_BELOW = 128
_PUBLISHED_INK_BELOW = 129
_WORD_BITS = 64
_ROWS_AT_ONCE = 64  # so few that what is computed of them stays in the cache of the processor
_TOLERANCE = 5  # columns may differ in fewer pixels than this, and a difference may span fewer columns
KEEP, REPLACE, INSERT, DELETE = range(4)


def same_ink(a: Pixels, b: Pixels) -> bool:
    """Whether the ink (value < 128), cropped, has the same shape and the same pixels."""
    first, second = (arrays.crop(image, _INK_BELOW) for image in (a, b))
    return first.shape == second.shape and np.array_equal(first < _INK_BELOW, second < _INK_BELOW)


class ColumnComparison:
    """The published comparison of a reference image with another, column by column."""

    def __init__(self, reference: Pixels, other: Pixels) -> None:
        words = -(-max(reference.shape[0], other.shape[0], 1) // _WORD_BITS)
        first, second = _columns(reference, words), _columns(other, words)
        start = _common_start(first, second)
        end = _common_start(first[:, start:][:, ::-1], second[:, start:][:, ::-1])
        stop, other_stop = first.shape[1] - end, second.shape[1] - end
        # What the images have in common at both ends has no influence on the edits and the blocks between. The other
        # image has no kind of column there that the reference lacks.
        self._distinct, numbers = _numbered(np.concatenate([first, second[:, start:other_stop]], axis=1))
        self._reference = numbers[start:stop]
        self._other = numbers[first.shape[1] :]
        self._ends = numbers[:start] + numbers[stop : first.shape[1]]

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
        blank = next(iter(np.flatnonzero(~self._distinct.any(axis=0)).tolist()), None)
        reference, other = ([column for column in side if column != blank] for side in (self._reference, self._other))
        if not (reference and other) and {*self._ends} <= {blank}:
            return len(reference) == len(other)
        return _match(reference, other, self._kinds(blank))

    def _kinds(self, left_out: int | None) -> list[int]:
        """For each distinct column the first one from which it hardly differs, or itself, without regard to one."""
        kinds: list[int] = []
        starting = 0
        for number, near in enumerate(self._near):
            # A column that is of no earlier kind starts one, which all later columns near it are of.
            of = near & starting
            kinds.append((of & -of).bit_length() - 1 if of else number)
            if not of and number != left_out:
                starting |= 1 << number
        return kinds

    @cached_property
    def _near(self) -> list[int]:
        """For each distinct column those that differ from it in fewer than five pixels, as bits; not all later ones."""
        found: list[int] = []
        counts = np.min_scalar_type(len(self._distinct) * _WORD_BITS)
        for start in range(0, self._distinct.shape[1], _ROWS_AT_ONCE):
            rows, columns = self._distinct[:, start : start + _ROWS_AT_ONCE], self._distinct[:, : start + _ROWS_AT_ONCE]
            differing = np.zeros((rows.shape[1], columns.shape[1]), counts)
            for row, column in zip(rows, columns, strict=True):
                differing += np.bitwise_count(row[:, None] ^ column)
            bits = np.packbits(differing < _TOLERANCE, axis=1, bitorder="little")
            found += [int.from_bytes(row, "little") for row in _as_bytes(bits)]
        return found


def _columns(image: Pixels, words: int) -> NDArray[np.uint64]:
    """The columns (words, W) as bits, ink set, filled up with paper at the bottom to so many words."""
    height, width = image.shape
    ink = np.zeros((width, words * _WORD_BITS), bool)
    ink[:, :height] = (image < _PUBLISHED_INK_BELOW).T
    return np.ascontiguousarray(np.packbits(ink).view(np.uint64).reshape(width, words).T)


def _common_start(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> int:
    """The number of equal columns at the start."""
    width = min(first.shape[1], second.shape[1])
    equal: bytes = (first[:, :width] == second[:, :width]).all(axis=0).tobytes()
    differs = equal.find(False)
    return width if differs < 0 else differs


def _numbered(columns: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], list[int]]:
    """The distinct columns (words, N) in order of their first place, and for each column its number among them."""
    order = np.lexsort(columns)  # stable, so that the first of equal columns comes first
    ordered = columns[:, order]
    is_new = np.ones(len(order), bool)
    is_new[1:] = (ordered[:, 1:] != ordered[:, :-1]).any(axis=0)
    firsts = np.empty_like(order)
    firsts[order] = order[is_new][np.cumsum(is_new) - 1]
    places = np.flatnonzero(firsts == np.arange(len(order)))
    return columns[:, places], np.searchsorted(places, firsts).tolist()


def _as_bytes(rows: NDArray[np.uint8]) -> list[bytes]:
    """The bytes of each row."""
    return rows.view(f"V{rows.shape[1]}").ravel().tolist()


def _match(reference: Sequence[int], other: Sequence[int], kinds: Sequence[int]) -> bool:
    first, second = ([kinds[column] for column in side] for side in (reference, other))
    # So few differences in total make no block that is longer.
    if Levenshtein.distance(first, second, score_cutoff=_TOLERANCE - 1) < _TOLERANCE:
        return True
    return all(span < _TOLERANCE for span in reference_spans(first, second))


def reference_spans(reference: Sequence[int], other: Sequence[int]) -> Iterator[int]:
    """The length in the reference of each block in which the sequences differ, from the end; 0 for an insertion.

    The blocks are those of python-Levenshtein 0.12. There are many shortest edits, and which of them is taken decides
    how long a block is. The published scores of images were computed with that library, whose later versions choose
    otherwise, so its choice is restated here: common ends are removed; from the end backwards, continue in the
    direction of a running insertion or deletion, else keep, else replace, else insert, else delete.
    """
    first, second = _strip_common_ends(reference, other)
    for step, run in groupby(_steps_back(first, second)):
        if step != KEEP:
            length = sum(1 for _ in run)
            yield 0 if step == INSERT else length


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
    every = (1 << len(first)) - 1  # the sum carries into one more bit, without a meaning
    places: dict[int, int] = {}
    for index, kind in enumerate(first):
        places[kind] = places.get(kind, 0) | 1 << index
    above_plus, above_minus = every, 0
    columns = []
    for kind in second:
        matching = places.get(kind, 0) | above_minus
        diagonal = ((matching & above_plus) + above_plus) ^ above_plus | matching
        left_plus = above_minus | every ^ (above_plus | diagonal)
        shifted = (left_plus << 1 | 1) & every
        above_plus = ((above_plus & diagonal) << 1 | every ^ (diagonal | shifted)) & every
        above_minus = shifted & diagonal
        columns.append((diagonal, left_plus, above_plus))
    return columns
