from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from im2latex.latex.grammar.generator import random_formula
from im2latex.latex.normalizer import LOSSY, Normalizer, NormalizerParams, normalize
from im2latex.latex.rules.registry import RULES

COMPACT = NormalizerParams(profile="compact")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (r"\left( x \right.^2", "( x { } ^ { 2 }"),
        (r"a \middle| b", "a | b"),
        (r"\left[ \left( x \right) \right]", "[ ( x ) ]"),
        (r"\textstyle \tbinom nk \quad", r"\binom { n } { k }"),
    ],
)
def test_compact(before: str, after: str) -> None:
    assert normalize(before, COMPACT) == after


def test_faithful_keeps_sizes() -> None:
    assert normalize(r"\big( x \Big)", NormalizerParams()) == r"\big ( x \Big )"


WITH = {
    "no_style_switch": r"x \textstyle \sum",
    "no_fraction_style": r"\dfrac { a } { b } \tbinom { n } { k }",
    "no_left_right": r"\left ( x \middle | y \right ]",
    "no_delimiter_size": r"\big ( x \Biggr ]",
    "no_thin_space": r"a \, b \: c \; d \! e",
    "no_quad": r"a \quad b \qquad c \enspace d \enskip e",
    "no_word_space": r"a ~ b = \nobreakspace ( c )",
    "no_length": r"a \hspace { 1cm } b \mspace { 3mu } c",
    "no_fill": r"a \hfill b \hfil c",
}
"""For each lossy rule what it alone takes away."""


def test_every_lossy_rule_is_here() -> None:
    assert tuple(WITH) == LOSSY == tuple(rule.name for rule in RULES if not rule.faithful)


@pytest.mark.parametrize("name", LOSSY)
def test_each_rule_can_be_switched_on_and_off_alone(name: str) -> None:
    on = NormalizerParams(enable_rules=(name,))
    off = NormalizerParams(profile="compact", disable_rules=(name,))
    for other, source in WITH.items():
        kept, dropped = normalize(source, NormalizerParams()), normalize(source, COMPACT)
        assert kept == source
        assert kept != dropped
        assert normalize(source, on) == (dropped if other == name else kept)
        assert normalize(source, off) == (kept if other == name else dropped)


@given(st.sets(st.sampled_from(LOSSY)), st.integers(0, 2**32))
@settings(max_examples=150)
def test_any_choice_of_them_is_stable(names: set[str], seed: int) -> None:
    source = random_formula(Random(seed))
    normalizer = Normalizer(NormalizerParams(enable_rules=tuple(sorted(names))))
    line = normalizer.normalize(source)
    assert normalizer.normalize(line) == line
    assert normalizer.explain(source)[-1][1] == line
    if not names:
        assert line == normalize(source, NormalizerParams())
    if names == set(LOSSY):
        assert line == normalize(source, COMPACT)


def test_compact_is_all_of_them() -> None:
    everything = NormalizerParams(enable_rules=LOSSY)
    nothing = NormalizerParams(profile="compact", disable_rules=LOSSY)
    for seed in range(200):
        source = random_formula(Random(seed))
        assert normalize(source, everything) == normalize(source, COMPACT)
        assert normalize(source, nothing) == normalize(source, NormalizerParams())


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"enable_rules": ["no_space"]}, "no_space: no such rule; the rules are"),
        ({"enable_rules": ["synonym"]}, "synonym: runs in every profile; the lossy rules are no_style_switch, "),
        ({"enable_rules": ["no_quad"], "disable_rules": ["no_quad"]}, "no_quad: is in disable_rules, too"),
    ],
)
def test_a_wrong_choice_is_one_sentence(values: dict[str, list[str]], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        NormalizerParams.model_validate(values)
