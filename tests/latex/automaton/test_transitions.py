import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from im2latex.errors import LatexError
from im2latex.latex.automaton.alphabet import COUNTED_COLUMNS
from im2latex.latex.automaton.transitions import accepts
from im2latex.latex.grammar.generator import generate
from im2latex.latex.normalizer import NormalizerParams, normalize
from im2latex.latex.parser.parse import parse
from im2latex.latex.tokens import split

GOOD = [
    r"x",
    r"\frac { a } { b }",
    r"\sqrt { x } + \sqrt [ 3 ] { x }",
    r"\left ( x \middle | y \right ]",
    r"x _ { a } ^ { b }",
    r"\begin{array} { c | c } a & b \\ c & d \end{array}",
    r"\begin{cases} x & y \\ ( z ] \end{cases}",
    r"\begin{matrix} a \\ [ b ] \end{matrix}",
    r"\mathop : \mathrel { \mathop * } \mathbin [ x",
    r"\sideset { _ { a } ^ { b } } { ^ { \prime } } \sum _ { k } x",
    r"\smash[b] { x } \cfrac[l] { a } { b } \cramped[\scriptstyle] { x }",
    r"\begin{subarray}{c} a \\ b \end{subarray}",
    r"\begin{multlined}[t][2cm] a \\ b \end{multlined}",
    r"\bordermatrix { a & b \cr c & d \cr }",
    r"\begin{matrix} a \\[\jot] \noalign{\vskip2pt} b \end{matrix} \hspace { -2\jot }",
    r"\begin{aligned} [ u ] & = 1 \\ [ v ] & = 2 \end{aligned}",
    r"\begin{array} { c } \hline a \\ \hline \end{array}",
    r"\begin{array} { c c } \multicolumn{2} { c } { x } \\ a & b \end{array}",
    r"\sum _ { \substack { i \\ j } } x",
    r"\hspace { 2pt } x \kern 3pt y",
    r"\begin{alignedat} { 2 } a & b & c & d \end{alignedat}",
    r"\big ( \text{if} \big )",
    r"\begin{array} { " + "c " * (COUNTED_COLUMNS + 2) + "} " + "a & " * (COUNTED_COLUMNS + 1) + r"a \end{array}",
]

BAD = [
    "",
    "{ x",
    "x }",
    r"\frac { a }",
    r"\frac a b",
    r"\sqrt [ 3 ]",
    r"\left ( x",
    r"x \right )",
    r"\left x \right )",
    r"{ \left ( } \right )",
    r"x \middle | y",
    r"x ^ { a } ^ { b }",
    r"x _ { a } _ { b }",
    r"x ^ 2",
    r"a & b",
    r"\begin{cases} a & b & c \end{cases}",
    r"\begin{array} { c c } a & b & c \end{array}",
    r"\begin{array} a \end{array}",
    r"\begin{array} { } a \end{array}",
    r"\begin{array} { x } a \end{array}",
    r"\begin{matrix} a \end{pmatrix}",
    r"\begin{matrix} { a \\ b } \end{matrix}",
    r"\begin{array} { c } a \\ [ b ] \end{array}",
    r"\mathop",
    r"\mathop \frac",
    r"\bordermatrix a & b",
    r"\begin{matrix} a \cr b \end{matrix}",
    r"\smash [ b ] { x }",
    r"\begin{array} { c } a \hline \end{array}",
    r"\begin{array} { c } \multicolumn{2} { c } { x } \end{array}",
    r"\end{matrix}",
    r"\big x",
    r"\hspace { x }",
    r"x 2pt",
]


@pytest.mark.parametrize("formula", GOOD)
def test_what_is_written_is_read(formula: str) -> None:
    assert accepts(formula.split())


@pytest.mark.parametrize("formula", BAD)
def test_what_breaks_is_refused(formula: str) -> None:
    assert not accepts(formula.split())


def test_every_normalized_formula_is_read() -> None:
    for formula in generate(300, seed=11):
        label = normalize(formula, NormalizerParams())
        assert accepts(label.split()), label


TOKENS = split(
    r"{ } [ ] _ ^ & x c | ( . \\ \frac \sqrt \left \right \middle \big \begin{array} \end{array} \begin{cases} "
    r"\end{cases} \substack \overset \hline \sum"
)


@settings(max_examples=300)
@given(st.lists(st.sampled_from(TOKENS), max_size=14))
def test_what_is_read_parses(tokens: list[str]) -> None:
    if accepts(tokens):
        try:
            parse(" ".join(tokens))
        except LatexError as error:
            pytest.fail(f"{' '.join(tokens)}: {error.sentence}")
