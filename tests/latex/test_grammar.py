"""Seeded, varied, and of a length that two cores can learn in minutes."""

from collections import Counter
from random import Random
from statistics import median

from im2latex.latex.grammar import formula, generate
from im2latex.latex.normalize import NormalizerParams, normalize


def test_the_seed_decides() -> None:
    assert generate(50, seed=3) == generate(50, seed=3)
    assert generate(50, seed=3) != generate(50, seed=4)
    assert generate(50, seed=3) == generate(80, seed=3)[:50]
    assert formula(Random(3)) == generate(1, seed=3)[0]


def test_formulas_differ() -> None:
    assert len(set(generate(1000, seed=0))) == 1000


def test_the_corpus_suits_a_small_model() -> None:
    normalized = [normalize(text, NormalizerParams()) for text in generate(4000, seed=0)]
    lengths = sorted(len(text.split()) for text in normalized)
    assert 18 <= median(lengths) <= 26
    assert lengths[len(lengths) * 95 // 100] <= 45
    counts = Counter(token for text in normalized for token in text.split())
    assert sum(count >= 15 for count in counts.values()) >= 180
