"""Symbol substitution keeps the structure and adds no bold."""

from random import Random

import pytest

from im2latex.latex.automaton.alphabet import classify
from im2latex.latex.automaton.transitions import accepts
from im2latex.latex.grammar.generator import generate
from im2latex.latex.grammar.symbol_substitution import CAPITALS_ONLY, SymbolSubstitution
from im2latex.latex.normalizer import NormalizerParams, normalize
from im2latex.latex.parser.parse import parse
from im2latex.latex.parser.signatures import BOLD
from im2latex.latex.serializer import write

FORMULAS = [
    r"\boldsymbol{x}_i = \mathbf{A} \mathbf{B} + \mathbb{R} + \mathcal{L}(x)",
    r"\bigl[ a , b \bigr) \left\{ x \middle| y \right\} | z |",
    r"\operatorname{rank} A + \mathrm{Tr} B \quad \text{if } x > 0",
    r"\begin{pmatrix} 1 & 0 \\ 0 & 1 \end{pmatrix} \hat{x} \widehat{y} f' x'",
    r"\sum_{i=1}^{n} \int_0^1 \sin x \,dx \leq 10.25",
    *generate(150, 6),
]


def randomized(formula: str, seed: int, consistent: bool = False) -> str:
    row = parse(normalize(formula, NormalizerParams()))
    return " ".join(write(SymbolSubstitution(Random(seed), consistent).row(row)))


@pytest.mark.parametrize("formula", FORMULAS)
def test_structure_stays(formula: str) -> None:
    before = normalize(formula, NormalizerParams()).split()
    for seed in range(4):
        after = randomized(formula, seed, consistent=seed % 2 == 0).split()
        assert accepts(after)
        normalize(" ".join(after), NormalizerParams())
        for role in ("_", "^", "\\left", "\\right", "&", "\\\\", "\\begin", "\\end"):
            assert [classify(t).role for t in after].count(role) == [classify(t).role for t in before].count(role)
        assert sum(token in BOLD for token in after) <= sum(token in BOLD for token in before)


@pytest.mark.parametrize("formula", FORMULAS)
def test_fonts_without_small_letters_hold_none(formula: str) -> None:
    for seed in range(6):
        tokens = randomized(formula, seed).split()
        for at, token in enumerate(tokens):
            if token in CAPITALS_ONLY:
                assert not tokens[at + 2].islower()


def test_content_changes_and_the_seed_decides() -> None:
    formula = r"x + y = \alpha - x"
    seen = {randomized(formula, seed) for seed in range(100)}
    assert len(seen) > 95
    assert randomized(formula, 3) == randomized(formula, 3)


def test_consistent_replacement() -> None:
    for seed in range(20):
        tokens = randomized("x x x 1 1", seed, consistent=True).split()
        assert len(set(tokens[:3])) == 1
        assert tokens[3] == tokens[4]
    assert any(len(set(randomized("x x x", seed).split())) > 1 for seed in range(5))


def test_words_stay() -> None:
    assert r"\operatorname { r a n k }" in randomized(r"\operatorname{rank} A", 1)
