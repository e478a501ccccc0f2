"""Subwords are found longest first, begin and end where tokens do, and are learned deterministically."""

from hypothesis import given
from hypothesis import strategies as st

from im2latex.dataset.bpe import SubwordSegmenter, train_bpe

UNKNOWN = 3


def test_the_longest_subword_wins_at_each_position() -> None:
    segmenter = SubwordSegmenter(["a", "a b", "a b c d", "b c"])
    assert segmenter.segment(["a", "b", "c", "d", "b", "c"]) == ["a b c d", "b c"]
    assert segmenter.segment(["a", "b", "c", "a"]) == ["a b", "c", "a"]
    assert SubwordSegmenter(["a", "b"]).segment(["a", "b"]) == ["a", "b"]


def test_a_subword_never_ends_inside_a_token() -> None:
    assert SubwordSegmenter(["{ \\in"]).segment(["{", "\\int"]) == ["{", "\\int"]


@given(
    entries=st.sets(st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(" ".join), max_size=12),
    tokens=st.lists(st.sampled_from("abcd"), max_size=20),
)
def test_joined_again_the_segments_are_the_tokens(entries: set[str], tokens: list[str]) -> None:
    found = SubwordSegmenter(entries).segment(tokens)
    assert " ".join(found).split() == tokens
    assert all(entry in entries for entry in found if " " in entry)


def test_frequent_pairs_are_merged_first() -> None:
    rows = [[4, 5, 6], [4, 5, 6], [4, 5, 7]]
    assert train_bpe(rows, UNKNOWN, max_merges=10, min_frequency=2) == [[4, 5], [4, 5, 6]]
    assert train_bpe(rows, UNKNOWN, max_merges=1, min_frequency=2) == [[4, 5]]
    assert train_bpe(rows, UNKNOWN, max_merges=0, min_frequency=1) == []


def test_no_merge_reaches_over_what_is_unknown() -> None:
    rows = [[4, UNKNOWN, 5, 6]] * 5
    assert train_bpe(rows, UNKNOWN, max_merges=10, min_frequency=2) == [[5, 6]]


def test_ties_are_settled_by_ids_and_not_by_the_order_of_formulas() -> None:
    rows = [[first, second] for first in range(4, 24) for second in (30, 31)]
    expected = train_bpe(rows, UNKNOWN, max_merges=7, min_frequency=1)
    assert expected == [[4, 30], [4, 31], [5, 30], [5, 31], [6, 30], [6, 31], [7, 30]]
    assert all(train_bpe(rows[::-1], UNKNOWN, max_merges=7, min_frequency=1) == expected for _ in range(5))
