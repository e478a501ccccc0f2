"""Pieces are found longest first, begin and end where tokens do, and are learned the same every time."""

from hypothesis import given
from hypothesis import strategies as st

from im2latex.dataset.bpe import Pieces, learn

UNKNOWN = 3


def test_the_longest_piece_wins_at_each_place() -> None:
    pieces = Pieces(["a", "a b", "a b c d", "b c"])
    assert pieces.cut(["a", "b", "c", "d", "b", "c"]) == ["a b c d", "b c"]
    assert pieces.cut(["a", "b", "c", "a"]) == ["a b", "c", "a"]
    assert Pieces(["a", "b"]).cut(["a", "b"]) == ["a", "b"]


def test_a_piece_never_ends_inside_a_token() -> None:
    assert Pieces(["{ \\in"]).cut(["{", "\\int"]) == ["{", "\\int"]


@given(
    entries=st.sets(st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(" ".join), max_size=12),
    tokens=st.lists(st.sampled_from("abcd"), max_size=20),
)
def test_joined_again_the_pieces_are_the_tokens(entries: set[str], tokens: list[str]) -> None:
    found = Pieces(entries).cut(tokens)
    assert " ".join(found).split() == tokens
    assert all(entry in entries for entry in found if " " in entry)


def test_frequent_pairs_are_merged_first() -> None:
    rows = [[4, 5, 6], [4, 5, 6], [4, 5, 7]]
    assert learn(rows, UNKNOWN, most=10, min_count=2) == [[4, 5], [4, 5, 6]]
    assert learn(rows, UNKNOWN, most=1, min_count=2) == [[4, 5]]
    assert learn(rows, UNKNOWN, most=0, min_count=1) == []


def test_no_merge_reaches_over_what_is_unknown() -> None:
    rows = [[4, UNKNOWN, 5, 6]] * 5
    assert learn(rows, UNKNOWN, most=10, min_count=2) == [[5, 6]]


def test_ties_are_settled_by_ids_and_not_by_the_order_of_formulas() -> None:
    rows = [[first, second] for first in range(4, 24) for second in (30, 31)]
    expected = learn(rows, UNKNOWN, most=7, min_count=1)
    assert expected == [[4, 30], [4, 31], [5, 30], [5, 31], [6, 30], [6, 31], [7, 30]]
    assert all(learn(rows[::-1], UNKNOWN, most=7, min_count=1) == expected for _ in range(5))
