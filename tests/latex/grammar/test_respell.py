from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from im2latex.images.compare import same_ink
from im2latex.latex.grammar.generator import random_formula
from im2latex.latex.grammar.respell import respell
from im2latex.latex.normalizer import NormalizerParams, normalize
from im2latex.rendering.renderer import TexRenderer

PARAMS = NormalizerParams()


@given(seed=st.integers(0, 2**32))
@settings(max_examples=300)
def test_respellings_of_the_grammar_return_to_one_string(seed: int) -> None:
    line = normalize(random_formula(Random(seed)), PARAMS)
    assert normalize(respell(line, seed), PARAMS) == line


def test_respelling_is_seeded_and_changes_the_string() -> None:
    line = normalize(r"\frac{a_i^2}{b} \leq \mathrm{x}", PARAMS)
    spellings = {respell(line, seed) for seed in range(20)}
    assert len(spellings) > 15
    assert respell(line, 3) == respell(line, 3)


@pytest.mark.needs_tex
def test_neither_normalizing_nor_respelling_changes_the_image() -> None:
    raw = [random_formula(Random(seed)) for seed in range(120)]
    lines = [normalize(source, PARAMS) for source in raw]
    spelled = [respell(line, seed) for seed, line in enumerate(lines)]
    renderer = TexRenderer()
    for line, *drawn in zip(lines, *map(renderer.render, (raw, lines, spelled)), strict=True):
        given, normalized, other = (rendering.pixels for rendering in drawn)
        assert given is not None, line
        assert normalized is not None, line
        assert other is not None, line
        assert same_ink(given, normalized), line
        assert same_ink(given, other), line
