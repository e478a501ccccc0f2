"""Classic formulas: enough of them, all accepted, no two alike."""

from im2latex.latex.grammar.classics import load_classics
from im2latex.latex.normalizer import NormalizerParams, normalize


def test_there_are_enough_and_they_differ() -> None:
    formulas = load_classics()
    assert len(formulas) >= 150
    assert len({normalize(formula, NormalizerParams()) for formula in formulas}) == len(formulas)
