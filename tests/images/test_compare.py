import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from im2latex.images import compare
from im2latex.images.arrays import Pixels
from im2latex.images.compare import reference_spans
from tests.images import published
from tests.images.published import blocks


def bars(*heights: int, rows: int = 20) -> Pixels:
    """An image whose columns are bars of these heights, standing at the top."""
    pixels = np.full((rows, len(heights)), 255, np.uint8)
    for column, height in enumerate(heights):
        pixels[:height, column] = 0
    return pixels


def plain_edit(first: list[int], second: list[int]) -> int:
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, 1):
        last, row[0] = row[0], i
        for j, b in enumerate(second, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (a != b))
    return row[-1]


HEIGHTS = st.lists(st.integers(0, 20), max_size=12)


@given(HEIGHTS, HEIGHTS)
def test_column_edit_is_the_levenshtein_distance_of_columns(first: list[int], second: list[int]) -> None:
    assert compare.ColumnComparison(bars(*first), bars(*second)).edits == plain_edit(first, second)


def test_same_ink_ignores_margins_and_pale_grey() -> None:
    dark = bars(3, 0, 7)
    moved = np.pad(dark, ((2, 5), (1, 3)), constant_values=255)
    moved[0, 0] = 128
    assert compare.same_ink(dark, moved)
    moved[3, 2] = 127
    assert not compare.same_ink(dark, moved)


def test_same_ink_of_blank_images() -> None:
    assert compare.same_ink(bars(0, 0), bars(0))
    assert not compare.same_ink(bars(0, 0), bars(1))


def test_lower_image_is_filled_up_at_the_bottom() -> None:
    assert compare.ColumnComparison(bars(3, 5, rows=20), bars(3, 5, rows=8)).edits == 0


REFERENCE = bars(20, 10, 20, 10, 20, 10, 20, 10)


@pytest.mark.parametrize(
    ("reference", "other", "expected"),
    [
        (REFERENCE, REFERENCE, True),
        (REFERENCE, bars(20, 14, 20, 10, 20, 10, 20, 10), True),  # a column off by four pixels
        (REFERENCE, bars(20, 15, 20, 10, 20, 10, 20, 10), True),  # by five, but only one column wide
        (REFERENCE, bars(20, 10, 20, 10, 0, 0, 0, 0), True),  # four columns replaced
        (REFERENCE, bars(20, 10, 20, 0, 0, 0, 0, 0), False),  # five columns
        (REFERENCE, bars(20, 10, 20), False),  # five columns missing
        (bars(20, 10, 20), REFERENCE, True),  # five columns too many: the published rule forgives any number
    ],
)
def test_match_is_the_published_rule(reference: Pixels, other: Pixels, expected: bool) -> None:
    assert compare.ColumnComparison(reference, other).match is expected


def test_a_column_joins_the_first_kind_that_is_near() -> None:
    # 10, 14 and 18 rows: 14 is near 10, 18 is near 14 but not near 10, so it is a kind of its own.
    assert compare.ColumnComparison(bars(*[10] * 6), bars(*[14] * 6)).match
    assert not compare.ColumnComparison(bars(*[10] * 6), bars(*[18] * 6)).match
    assert not compare.ColumnComparison(bars(10, *[14] * 6), bars(10, *[18] * 6)).match


def test_columns_that_differ_in_256_pixels_are_not_near() -> None:
    assert not compare.ColumnComparison(bars(*[256] * 6, rows=300), bars(*[0] * 6, rows=300)).match


def test_match_without_spaces_drops_blank_columns() -> None:
    spaced = bars(20, *[0] * 9, 10)
    assert not compare.ColumnComparison(spaced, bars(20, 10)).match
    assert compare.ColumnComparison(spaced, bars(20, 10)).match_nospace


def test_match_without_spaces_of_blank_images() -> None:
    assert compare.ColumnComparison(bars(0, 0), bars(0)).match_nospace
    assert not compare.ColumnComparison(bars(0, 0), bars(3)).match_nospace
    assert not compare.ColumnComparison(bars(3), bars(0, 0)).match_nospace


def inked(drawn: random.Random, width: int, height: int = 14) -> Pixels:
    """ColumnComparison out of few kinds, so that many are alike or nearly so, with blank ones between."""
    palette = [[drawn.random() < 0.4 for _ in range(height)] for _ in range(3)]
    pixels = np.full((height, width), 255, np.uint8)
    for column in range(width):
        kind = drawn.choice([None, *palette])
        if kind is not None:
            noise = drawn.randrange(7)
            rows = [row != (place < noise) for place, row in enumerate(kind)]
            pixels[:, column] = np.where(rows, drawn.randrange(129), 129 + drawn.randrange(127))
    return pixels


def changed(pixels: Pixels, drawn: random.Random) -> Pixels:
    """The image with a few runs of columns lost, added or replaced."""
    for _ in range(drawn.randrange(4)):
        start, size = drawn.randrange(pixels.shape[1] + 1), drawn.randrange(8)
        new = inked(drawn, drawn.choice([0, size, size, 12]), pixels.shape[0])
        pixels = np.hstack([pixels[:, :start], new, pixels[:, start + drawn.choice([0, size]) :]])
    return pixels[: drawn.choice([pixels.shape[0], 11])]


def test_thousands_of_images_are_judged_as_published() -> None:
    drawn = random.Random(11)
    seen = Counter[tuple[bool, bool]]()
    for _ in range(1000):
        first = inked(drawn, drawn.randint(1, 30))
        second = changed(first, drawn)
        if not second.shape[1]:
            continue
        expected = published.judge(first.tolist(), second.tolist())
        columns = compare.ColumnComparison(first, second)
        found = columns.edits, columns.match, columns.match_nospace
        assert found == expected
        seen[found[1:]] += 1
    assert len(seen) == 4, "every combination of verdicts occurs"


@pytest.mark.parametrize(("flipped", "expected"), [(4, True), (5, False)])
def test_nearness_counts_all_rows_of_tall_images_and_all_columns_of_wide_ones(flipped: int, expected: bool) -> None:
    drawn = np.random.default_rng(12)
    reference = np.where(drawn.random((150, 160)) < 0.4, 0, 255).astype(np.uint8)
    other = reference.copy()
    for column in range(20, 140, 10):
        for beside in range(column, column + 6):
            rows = np.linspace(column % 40, 149, flipped).astype(int)
            other[rows, beside] = 255 - other[rows, beside]
    columns = compare.ColumnComparison(reference, other)
    assert (columns.edits, columns.match, columns.match_nospace) == (72, expected, expected)
    assert published.judge(reference.tolist(), other.tolist()) == (72, expected, expected)


SEQUENCE = st.lists(st.integers(0, 3), max_size=25)


@given(SEQUENCE, SEQUENCE)
def test_blocks_are_those_of_the_published_library(first: list[int], second: list[int]) -> None:
    assert list(reference_spans(first, second)) == [span for _, span in blocks(first, second)]


@pytest.mark.parametrize(
    ("first", "second", "spans"),
    [
        ([], [], []),
        ([1, 2, 3], [1, 2, 3], []),
        ([1, 2, 3], [], [3]),
        ([], [1, 2], [0]),
        ([1, 2, 3, 4], [1, 9, 9, 4], [2]),
        ([1, 2, 3, 4], [1, 4], [2]),
        ([1, 5, 2, 6, 3], [1, 2, 3], [1, 1]),
    ],
)
def test_spans_from_the_end(first: list[int], second: list[int], spans: list[int]) -> None:
    assert list(reference_spans(first, second)) == spans


def test_other_libraries_choose_other_blocks() -> None:
    drawn = random.Random(0)
    longest = []
    for _ in range(200):
        first, second = ([drawn.randrange(3) for _ in range(drawn.randrange(40))] for _ in range(2))
        steps = Levenshtein.opcodes(first, second)
        theirs = max((step.src_end - step.src_start for step in steps if step.tag != "equal"), default=0)
        longest.append((max(reference_spans(first, second), default=0), theirs))
    assert any((ours < 5) != (theirs < 5) for ours, theirs in longest), "else rapidfuzz would do, and faster"
