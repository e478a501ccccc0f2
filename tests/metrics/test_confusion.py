import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from im2latex.metrics.confusion import KINDS, confusions, kind, without_spacing


@pytest.mark.parametrize(
    ("reference", "hypothesis", "same", "lost", "expected"),
    [
        ("a b", "a b", True, False, "exact"),
        ("a b", " ", False, True, "empty"),
        ("", "", False, True, "empty"),
        (r"a \, b", "a b", False, False, "spacing_only"),
        (r"a b", r"a \hspace { 1cm } b \quad", False, False, "spacing_only"),
        (r"a \hspace { 1cm } b", r"a \hspace { 2cm } b", True, False, "spacing_only"),
        ("x ^ 2", "x ^ { 2 }", True, False, "same_image"),
        ("a b", "a {", False, True, "no_image"),
        ("a b c", "a x c", False, False, "one_token"),
        ("a b c", "a c", False, False, "one_token"),
        ("a b c", "a x y", False, False, "several_tokens"),
    ],
)
def test_kinds(reference: str, hypothesis: str, same: bool, lost: bool, expected: str) -> None:
    assert kind(reference, hypothesis, same, lost) == expected
    assert expected in KINDS


def test_a_space_without_its_length_is_only_itself() -> None:
    assert without_spacing([r"\hspace"]) == []
    assert without_spacing([r"a", r"\kern", r"b", r"c", r"d", r"e", r"}"]) == ["a", "b", "c", "d", "e", "}"]


def test_confusions_are_counted_and_listed_by_number_then_by_name() -> None:
    found = confusions(
        [("a b c", "a x c"), ("b", "x"), ("a", "y"), (r"a \,", "a"), ("d", "d +"), ("q q", ""), ("z", "z")], 1
    )
    assert found == {
        "edits": {"replaced": 3, "missing": 1, "extra": 1, "of_spacing": 1},
        "replaced": [["b", "x", 2]],
        "missing": [["\\,", 1]],
        "extra": [["+", 1]],
    }


TOKENS = st.lists(st.sampled_from(["a", "b", "{", "\\,"]), min_size=1, max_size=8).map(" ".join)


@given(st.lists(st.tuples(TOKENS, TOKENS), max_size=5))
def test_no_edit_is_lost(pairs: list[tuple[str, str]]) -> None:
    edits = confusions(pairs, 100)["edits"]
    assert edits["replaced"] + edits["missing"] + edits["extra"] == sum(
        Levenshtein.distance(reference.split(), hypothesis.split()) for reference, hypothesis in pairs
    )
