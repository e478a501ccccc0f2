from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from im2latex.imaging.compare import same_ink
from im2latex.latex.grammar import formula
from im2latex.latex.normalize import NormalizerParams, normalize
from im2latex.latex.respell import respell
from im2latex.rendering.engine import TexRenderer

PARAMS = NormalizerParams()


@given(seed=st.integers(0, 2**32))
@settings(max_examples=300, deadline=None)
def test_respellings_of_the_grammar_return_to_one_string(seed: int) -> None:
    line = normalize(formula(Random(seed)), PARAMS)
    assert normalize(respell(line, seed), PARAMS) == line


def test_respelling_is_seeded_and_changes_the_string() -> None:
    line = normalize(r"\frac{a_i^2}{b} \leq \mathrm{x}", PARAMS)
    spellings = {respell(line, seed) for seed in range(20)}
    assert len(spellings) > 15
    assert respell(line, 3) == respell(line, 3)


@pytest.mark.needs_tex
def test_respelling_keeps_the_picture() -> None:
    lines = [normalize(formula(Random(seed)), PARAMS) for seed in range(120)]
    drawn = TexRenderer().render([*lines, *(respell(line, seed) for seed, line in enumerate(lines))])
    for line, first, second in zip(lines, drawn[: len(lines)], drawn[len(lines) :], strict=True):
        assert first.pixels is not None
        assert second.pixels is not None, f"{line}: {second.reason}"
        assert same_ink(first.pixels, second.pixels), line
