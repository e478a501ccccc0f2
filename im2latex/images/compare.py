"""Are two images the same: exactly, by their columns, and by the rule of the published scores.

Takes uint8 arrays (H, W), 255 paper and 0 ink. The first argument is the reference, and a match is not symmetric.

The column scores restate `scripts/evaluation/evaluate_image.py` of harvardnlp/im2markup (Deng et al., "Image-to-Markup
Generation with Coarse-to-Fine Attention", ICML 2017), with its faults, so that numbers compare with those in papers:
ink is a value of at most 128, and the lower image is filled up with paper at the bottom.
"""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from im2latex.images import alignment, arrays

Pixels = NDArray[np.uint8]

_INK_BELOW = 128
_PUBLISHED_INK_BELOW = 129
_TOLERANCE = 5  # pixels in which columns may differ, and columns a difference may span: fewer than this


def same_ink(a: Pixels, b: Pixels) -> bool:
    """Whether the ink (value < 128), cropped, has the same shape and the same pixels."""
    first, second = (arrays.crop(image, _INK_BELOW) < _INK_BELOW for image in (a, b))
    return np.array_equal(first, second)


class ColumnComparison:
    """The columns of two images, of which the first is the reference, and the published judgements of them."""

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
    # So few differences in all make no block that is longer.
    if Levenshtein.distance(first, second, score_cutoff=_TOLERANCE - 1) < _TOLERANCE:
        return True
    return all(span < _TOLERANCE for span in alignment.reference_spans(first, second))


def _kinds(columns: list[bytes]) -> list[int]:
    """A number for each column: that of the first kind it hardly differs from, or of a new kind."""
    distinct = list(dict.fromkeys(columns))
    bits = np.frombuffer(b"".join(distinct), np.uint8).reshape(len(distinct), -1)
    kinds = np.empty(len(distinct), np.int64)
    left = np.arange(len(distinct))
    kind = 0
    # The first column that is of no kind begins one, and takes all that are near and of no earlier one.
    while len(left):
        near = np.bitwise_count(bits[left] ^ bits[left[0]]).sum(axis=1) < _TOLERANCE
        kinds[left[near]] = kind
        left = left[~near]
        kind += 1
    number = dict(zip(distinct, kinds.tolist(), strict=True))
    return [number[column] for column in columns]
