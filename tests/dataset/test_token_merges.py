"""Token merges are resolved, applied once and counted."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from im2latex.dataset.token_merges import apply_merges, count_merges, resolve_merges
from im2latex.errors import ParamsError

TOKENS = st.sampled_from(["a", "b", "c", "d", "\\e"])
WRITTEN = st.lists(TOKENS, min_size=1, max_size=3).map(" ".join)


def test_chains_are_followed_to_their_end() -> None:
    assert resolve_merges({"\\leqq": "\\leq", "\\leq": "\\le", "\\neq": "\\not ="}) == {
        "\\leqq": "\\le",
        "\\leq": "\\le",
        "\\neq": "\\not =",
    }


def test_several_tokens_for_one() -> None:
    assert apply_merges(["a", "\\neq", "\\leq", "\\leqx"], {"\\neq": "\\not =", "\\leq": "\\le"}) == [
        "a",
        "\\not",
        "=",
        "\\le",
        "\\leqx",
    ]


@given(merges=st.dictionaries(TOKENS, WRITTEN, max_size=4), tokens=st.lists(TOKENS, max_size=8))
def test_merging_twice_is_merging_once(merges: dict[str, str], tokens: list[str]) -> None:
    try:
        settled = resolve_merges(merges)
    except ParamsError:
        assume(False)
    assert resolve_merges(settled) == settled
    once = apply_merges(tokens, settled)
    assert apply_merges(once, settled) == once
    assert not set(once) & set(merges)


@pytest.mark.parametrize(
    ("merges", "cycle"),
    [
        ({"a": "a"}, "a -> a"),
        ({"a": "x a"}, "a -> a"),
        ({"z": "a", "a": "b", "b": "c a"}, "a -> b -> a"),
    ],
)
def test_a_cycle_is_named(merges: dict[str, str], cycle: str) -> None:
    with pytest.raises(ParamsError, match=f"merges: {cycle} is a cycle and would never end; remove one"):
        resolve_merges(merges)


@pytest.mark.parametrize(("token", "written"), [("a b", "c"), ("", "c"), ("a", ""), ("a", "b  c"), ("\beta", "b")])
def test_what_is_no_token_is_refused(token: str, written: str) -> None:
    with pytest.raises(ParamsError, match="must map one token to one or more"):
        resolve_merges({token: written})


def test_tally() -> None:
    assert count_merges([["a", "b", "a"], ["a"]], {"a": "x", "z": "y"}) == {"a": 3, "z": 0}
