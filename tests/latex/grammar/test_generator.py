"""Random formulas are determined by the seed, varied, and of limited length."""

from collections import Counter
from random import Random
from statistics import median

from im2latex.latex.automaton.transitions import accepts
from im2latex.latex.grammar.expressions import flat_symbols
from im2latex.latex.grammar.generator import generate, load_classics, random_formula, random_table
from im2latex.latex.normalizer import NormalizerParams, normalize
from im2latex.latex.parser.signatures import BOLD
from im2latex.latex.tokens import LEXEME


def test_the_seed_decides() -> None:
    assert generate(50, seed=3) == generate(50, seed=3)
    assert generate(50, seed=3) != generate(50, seed=4)
    assert generate(50, seed=3) == generate(80, seed=3)[:50]
    assert random_formula(Random(3)) == generate(1, seed=3)[0]


def test_formulas_differ() -> None:
    assert len(set(generate(1000, seed=0))) == 1000


def test_the_dataset_suits_a_small_model() -> None:
    normalized = [normalize(text, NormalizerParams()) for text in generate(4000, seed=0)]
    lengths = sorted(len(text.split()) for text in normalized)
    assert 18 <= median(lengths) <= 26
    assert lengths[len(lengths) * 95 // 100] <= 45
    counts = Counter(token for text in normalized for token in text.split())
    assert sum(count >= 15 for count in counts.values()) >= 180


def test_flat_symbols_are_equally_frequent() -> None:
    symbols = flat_symbols()
    counts = Counter(token for text in generate(3000, 1, symbols) for token in LEXEME.findall(text))
    relations = sorted(counts[name] for name in symbols.relations.split())
    assert relations[0] > 0
    assert relations[len(relations) * 95 // 100] < 5 * median(relations)  # the productions themselves bring some
    assert not any(font in BOLD for font, _ in symbols.fonts)


def test_classics_are_accepted_and_distinct() -> None:
    formulas = load_classics()
    assert len(formulas) >= 150
    assert len({normalize(formula, NormalizerParams()) for formula in formulas}) == len(formulas)


CELLS = ["x", "[ a , b ]", "*", "x _ { i }", r"\frac { 1 } { 2 }", "- 1", ", y", "| z |"]


def test_tables_of_all_kinds() -> None:
    texts = [random_table(CELLS, Random(seed)) for seed in range(200)]
    for text in texts:
        tokens = normalize(text, NormalizerParams()).split()
        assert accepts(tokens)
        assert any(token.startswith("\\\\") for token in tokens)
    for name in ("pmatrix", "array", "aligned", "gathered", "cases", "smallmatrix"):
        assert any(rf"\begin{{{name}}}" in text for text in texts)
    assert len(set(texts)) > 190


def test_the_seed_decides_a_table() -> None:
    assert random_table(CELLS, Random(1)) == random_table(CELLS, Random(1))


def test_no_cell_is_taken_for_the_gap_of_a_row() -> None:
    assert "a , b" not in random_table(["[ a , b ]", "* c"], Random(1))
