import time
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from im2latex.errors import LatexError
from im2latex.latex.papers.paper_reader import read_definitions

PIECES = [r"\def\a{", r"\newcommand{\b}[1]{", r"\let\c", *"}{[]x %", "#1", r"\a", r"\b", r"\c", "\n"]
SOURCES = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)
DOUBLING = "".join(rf"\def\{name}{{\{after}\{after}}}" for name, after in pairwise("abcdefghijklmnopqrstuvwxyz"))


@pytest.mark.parametrize(
    "bomb",
    [
        r"\def\a{\a y}",
        r"\def\a{y\a}",
        r"\def\a{\b}\def\b{\a}",
        DOUBLING,
        r"\newcommand{\a}[1][x]{\b{#1#1}}\newcommand{\b}[1]{\a[#1]}",
    ],
)
def test_bombs_are_cut_off_in_time(bomb: str) -> None:
    started = time.monotonic()
    with pytest.raises(LatexError) as caught:
        read_definitions(bomb + r"\def\z{xxxxxxxxxx}").expand(r"\a")
    assert caught.value.reason == "macro_bomb"
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("definition", "use"),
    [
        (r"\newcommand{\a}[1]{#1}", r"\a"),
        (r"\newcommand{\a}[1]{#1}", r"{\a}"),
        (r"\def\a(#1){#1}", r"\a x"),
        (r"\def\a#1;{#1}", r"\a x"),
        (r"\newcommand{\a}[1]{#1}", r"\a{x"),
    ],
)
def test_a_missing_argument_is_a_reason(definition: str, use: str) -> None:
    with pytest.raises(LatexError) as caught:
        read_definitions(definition).expand(use)
    assert caught.value.reason == "macro_argument"


@given(
    st.lists(st.sampled_from(PIECES), max_size=25).map("".join),
    st.lists(st.sampled_from(PIECES), max_size=12).map("".join),
)
@settings(max_examples=300, deadline=2000)
def test_whatever_is_defined_expansion_ends(definitions: str, formula: str) -> None:
    with suppress(LatexError):
        read_definitions(definitions).expand(formula)


def test_commands_that_no_paper_defines_stay() -> None:
    macros = read_definitions(r"\newcommand{\x}{y}")
    assert macros.expand(r"\frac{\x}{\alpha} \unknown{z}") == r"\frac{y}{\alpha} \unknown{z}"
    assert macros.uses(r"a\x")
    assert not macros.uses("ax")
