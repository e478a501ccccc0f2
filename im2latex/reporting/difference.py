"""What differs between two strings of tokens, and between two images of ink, laid over each other.

Pixels are uint8 (H, W), 255 paper. Knows nothing of how either side was made.
"""

from collections import Counter, defaultdict
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from im2latex.images.arrays import Pixels, crop

Ink = NDArray[np.bool_]

INK = 128
"""Darker than this is ink."""


class Run(NamedTuple):
    """Neighbouring tokens that are all common to both sides, or all not."""

    text: str
    common: bool


def token_runs(reference: str, hypothesis: str) -> tuple[list[Run], list[Run]]:
    """Cut both token strings where one leaves the other; each side's runs join to that side."""
    ref, hyp = reference.split(), hypothesis.split()
    left, right = [], []
    for step in Levenshtein.opcodes(ref, hyp):
        left.append(Run(" ".join(ref[step.src_start : step.src_end]), step.tag == "equal"))
        right.append(Run(" ".join(hyp[step.dest_start : step.dest_end]), step.tag == "equal"))
    return [run for run in left if run.text], [run for run in right if run.text]


class Overlay(IntEnum):
    """What a pixel of an overlay shows."""

    PAPER = 0
    BOTH = 1
    MISSED = 2
    ADDED = 3


def overlay(reference: Pixels, hypothesis: Pixels) -> NDArray[np.uint8]:
    """Lay two images over each other as a (H, W) array of `Overlay`.

    Columns are aligned by their edit distance, so that one lost symbol does not colour all that follows it; rows by
    the one shift on which most equal columns agree.
    """
    a, b = crop(reference, INK) < INK, crop(hypothesis, INK) < INK
    a, b = _level(a, b, _shift(a, b))
    steps = Levenshtein.opcodes([column.tobytes() for column in a.T], [column.tobytes() for column in b.T])
    pairs = [(a[:, step.src_start : step.src_end], b[:, step.dest_start : step.dest_end]) for step in steps]
    blocks = [_blend(*_same_width(left, right)) for left, right in pairs]
    return np.hstack(blocks) if blocks else np.zeros((1, 1), np.uint8)


def _shift(a: Ink, b: Ink) -> int:
    """Rows by which `b` must move down to sit on `a`: every column shape found in both votes with its height."""
    tops: dict[bytes, Counter[int]] = defaultdict(Counter)
    for column in a.T[a.any(axis=0)]:
        shape, top = _shape(column)
        tops[shape][top] += 1
    votes: Counter[int] = Counter()
    for column in b.T[b.any(axis=0)]:
        shape, top = _shape(column)
        for other, count in tops[shape].items():
            votes[other - top] += count * len(shape)
    return min(votes, key=lambda shift: (-votes[shift], abs(shift), shift), default=0)


def _shape(column: Ink) -> tuple[bytes, int]:
    rows = np.flatnonzero(column)
    return column[rows[0] : rows[-1] + 1].tobytes(), int(rows[0])


def _level(a: Ink, b: Ink, shift: int) -> tuple[Ink, Ink]:
    """Pad both to one height, `b` moved down by `shift` rows."""
    above_a, above_b = max(0, -shift), max(0, shift)
    height = max(above_a + len(a), above_b + len(b))
    padded = [np.pad(ink, ((above, height - above - len(ink)), (0, 0))) for ink, above in ((a, above_a), (b, above_b))]
    return padded[0], padded[1]


def _same_width(a: Ink, b: Ink) -> tuple[Ink, Ink]:
    width = max(a.shape[1], b.shape[1])
    padded = [np.pad(ink, ((0, 0), (0, width - ink.shape[1]))) for ink in (a, b)]
    return padded[0], padded[1]


def _blend(reference: Ink, hypothesis: Ink) -> NDArray[np.uint8]:
    colours = np.full(reference.shape, Overlay.PAPER, np.uint8)
    colours[reference & hypothesis] = Overlay.BOTH
    colours[reference & ~hypothesis] = Overlay.MISSED
    colours[hypothesis & ~reference] = Overlay.ADDED
    return colours
