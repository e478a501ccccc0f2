r"""Merges end, end at once, and are counted."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from im2latex.dataset.token_merges import merge, settle, tally
from im2latex.errors import ParamsError

TOKENS = st.sampled_from(["a", "b", "c", "d", "\\e"])
WRITTEN = st.lists(TOKENS, min_size=1, max_size=3).map(" ".join)


def test_chains_are_followed_to_their_end() -> None:
    assert settle({"\\leqq": "\\leq", "\\leq": "\\le", "\\neq": "\\not ="}) == {
        "\\leqq": "\\le",
        "\\leq": "\\le",
        "\\neq": "\\not =",
    }


def test_several_tokens_for_one() -> None:
    assert merge(["a", "\\neq", "\\leq", "\\leqx"], {"\\neq": "\\not =", "\\leq": "\\le"}) == [
        "a",
        "\\not",
        "=",
        "\\le",
        "\\leqx",
    ]


@given(merges=st.dictionaries(TOKENS, WRITTEN, max_size=4), tokens=st.lists(TOKENS, max_size=8))
def test_merging_twice_is_merging_once(merges: dict[str, str], tokens: list[str]) -> None:
    try:
        settled = settle(merges)
    except ParamsError:
        assume(False)
    assert settle(settled) == settled
    once = merge(tokens, settled)
    assert merge(once, settled) == once
    assert not set(once) & set(merges)


@pytest.mark.parametrize(
    ("merges", "circle"),
    [
        ({"a": "a"}, "a -> a"),
        ({"a": "x a"}, "a -> a"),
        ({"z": "a", "a": "b", "b": "c a"}, "a -> b -> a"),
    ],
)
def test_a_circle_is_named(merges: dict[str, str], circle: str) -> None:
    with pytest.raises(ParamsError, match=f"merges: {circle} is a circle and would never end; remove one"):
        settle(merges)


@pytest.mark.parametrize(("token", "written"), [("a b", "c"), ("", "c"), ("a", ""), ("a", "b  c"), ("\beta", "b")])
def test_what_is_no_token_is_refused(token: str, written: str) -> None:
    with pytest.raises(ParamsError, match="must map one token to one or more"):
        settle({token: written})


def test_tally() -> None:
    assert tally([["a", "b", "a"], ["a"]], {"a": "x", "z": "y"}) == {"a": 3, "z": 0}
