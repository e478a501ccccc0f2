"""Every sub-formula is valid alone and balanced, and its tokens are adjacent in the formula."""

from random import Random

import pytest

from im2latex.latex.automaton.transitions import accepts
from im2latex.latex.grammar.generator import generate
from im2latex.latex.grammar.subformulas import choose_subformula, delimiter, group_by_length, iter_subformulas
from im2latex.latex.normalizer import NormalizerParams, normalize
from im2latex.latex.parser.parse import parse
from im2latex.latex.parser.tree import Token
from im2latex.latex.serializer import write

BOUND = [
    r"\left( a \middle| b \right)",
    r"\sum\nolimits_{i} a_i",
    r"\begin{array}{c} a \\ \hline b \end{array}",
    r"a \\ b",
    r"x \, y",
    r"{}^{2} y",
    r"\operatorname{rank} A + \mathrm{Tr} B",
    r"[ a , b ) \cup ( c , d ]",
    r"( a ( b ) c",
    r"\big( \frac{a}{b} \big)",
    r"\displaystyle a + \textstyle b",
    r"\text{if $x > 0$} a",
]


def texts(formula: str, most: int = 12) -> set[str]:
    return {" ".join(write(run.nodes)) for run in iter_subformulas(parse(formula), most)}


@pytest.mark.parametrize("formula", [*BOUND, *generate(150, 5)])
def test_runs_are_complete_formulas(formula: str) -> None:
    row = parse(normalize(formula, NormalizerParams()))
    whole = "".join(write(row))
    for run in iter_subformulas(row, 12):
        tokens = write(run.nodes)
        assert run.tokens == len(tokens) <= 12
        assert accepts(tokens)
        assert "".join(tokens) in whole
        assert not tokens[-1].startswith("\\\\")
        normalize(" ".join(tokens), NormalizerParams())


def test_runs_of_every_row() -> None:
    assert {"x", "y _ { i }", "i", "a"} <= texts(r"\frac{x}{y_i} = a")
    assert {"a", "b", "c"} <= texts(r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}")


def test_what_belongs_to_its_surroundings_is_left_out() -> None:
    assert not any("\\middle" in text and "\\left" not in text for text in texts(BOUND[0]))
    assert not any("\\nolimits" in text for text in texts(BOUND[1]))
    assert texts(r"x \, y") == {"x", "y", r"x \, y"}
    assert "^ { 2 } y" not in texts(BOUND[5])
    assert "r" not in texts(BOUND[6])
    assert "( b )" in texts(BOUND[8])
    assert "( a" not in texts(BOUND[8])
    assert "[ a , b )" in texts(BOUND[7])


def test_chosen_runs_have_all_lengths() -> None:
    found = group_by_length(parse(r"a + b_{i} - \frac{x + y}{z} = c^{2} ( d - e ) + f"), 12)
    chosen = [choose_subformula(found, 1, 12, Random(seed)) for seed in range(300)]
    lengths = [len(write(nodes)) for nodes in chosen if nodes is not None]
    shares = [lengths.count(length) for length in sorted(set(lengths))]
    assert len(lengths) == 300
    assert len(shares) >= 8
    assert min(shares) > 300 / len(shares) / 3
    assert choose_subformula(found, 2, 9, Random(1)) == choose_subformula(found, 2, 9, Random(1))
    assert choose_subformula(found, 90, 99, Random(1)) is None


def test_delimiters() -> None:
    assert [delimiter(node) for node in parse(r"x")] == [None]
    assert [delimiter(node) for node in parse(r"\bigl( )^{2}")] == [Token("("), Token(")")]
