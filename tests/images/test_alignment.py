import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from im2latex.images.alignment import reference_spans
from tests.images.published import blocks

SEQUENCE = st.lists(st.integers(0, 3), max_size=25)


@given(SEQUENCE, SEQUENCE)
def test_blocks_are_those_of_the_published_library(first: list[int], second: list[int]) -> None:
    assert reference_spans(first, second) == [span for _, span in blocks(first, second)]


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
    assert reference_spans(first, second) == spans


def test_other_libraries_choose_other_blocks() -> None:
    drawn = random.Random(0)
    longest = []
    for _ in range(200):
        first, second = ([drawn.randrange(3) for _ in range(drawn.randrange(40))] for _ in range(2))
        steps = Levenshtein.opcodes(first, second)
        theirs = max((step.src_end - step.src_start for step in steps if step.tag != "equal"), default=0)
        longest.append((max(reference_spans(first, second), default=0), theirs))
    assert any((ours < 5) != (theirs < 5) for ours, theirs in longest), "else rapidfuzz would do, and faster"
