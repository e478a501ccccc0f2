from im2latex.latex.classics import classics
from im2latex.latex.normalize import NormalizerParams, normalize


def test_there_are_enough_and_they_differ() -> None:
    formulas = classics()
    assert len(formulas) >= 150
    assert len({normalize(formula, NormalizerParams()) for formula in formulas}) == len(formulas)
