"""Random tables are valid formulas for any cells."""

from random import Random

from im2latex.latex.automaton.transitions import accepts
from im2latex.latex.grammar.tables import random_table
from im2latex.latex.normalizer import NormalizerParams, normalize

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


def test_the_seed_decides() -> None:
    assert random_table(CELLS, Random(1)) == random_table(CELLS, Random(1))


def test_no_cell_is_taken_for_the_gap_of_a_row() -> None:
    assert "a , b" not in random_table(["[ a , b ]", "* c"], Random(1))
