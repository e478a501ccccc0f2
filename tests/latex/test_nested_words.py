"""Symbols of spelled tokens, as the automaton reads them: only what may stand in a text, a raw word or a length."""

import pytest
from hypothesis import given

from im2latex.latex.grammar import generate
from im2latex.latex.nesting import balanced
from im2latex.latex.normalize import Normalizer, NormalizerParams
from im2latex.latex.spelling import spell
from im2latex.latex.tokens import split
from tests.latex.test_spelling import lengths

GOOD = [
    r"\text{if~$x_{1}\in{}A$}",
    r"x + \mbox{\hspace{1cm}} y",
    r"\text{\'{e}t\'e~\c{c}~\LaTeX{}e~\&~\space{}a}",
    r"\text{a~\textbf{b~{c}}~[d]}",
    r"\text{$\frac{a}{b}$,~$\left(x\right)$~$\begin{array}{cc}a&b\end{array}$~$\text{if~$x$}$}",
    r"\text{\small{}a~\textcolor{red}{b~$x$}}",
    r"\raisebox{2pt}{x} \colorbox{red}{x} \fcolorbox[rgb]{0,0,0}{1,1,1}{x}",
    r"\makebox[2cm][c]{x} \framebox{x}",
    r"\color{red} x \color[rgb]{.5,0,1} y \textcolor{red} { x } \genfrac{(}{)}{0pt}{} { a } { b }",
    r"\hspace { -0.5em } \kern 3pt \rule[-.5ex] { 1pt } { 2pt }",
    r"\begin{array}[t] { p{2cm} @{\,} c } a & b \\[2pt] c \\[-1.5em] \end{array}",
    r"\begin{aligned}[b] a & = \text{b} \\[1ex] c \end{aligned}",
    r'\mathchar "1A3F',
    r"\mathchar 12",
    r"\text{2cm~of~$2cm$}",
    r"\mbox{}",
]

BAD = [
    r"«\text{ i f",
    r"«\text{ i f }",
    r"«\text{ i f ]»",
    r"i f }»",
    r"«\text{ «\text{ a }» }»",
    r"«\text{ x ^ { 2 } }»",
    r"«\text{ \alpha }»",
    r"«\text{ a & b }»",
    r"«\text{ $ }»",
    r"«\text{ $ $ }»",
    r"«\text{ $ x }»",
    r"«\text{ $ x $ $ y $ }»",
    r"«\text{ $ { x $ } }»",
    r"«\text{ $ x ^ { a } ^ { b } $ }»",
    r"«\text{ $ \begin{aligned} [ t ] \end{aligned} $ }»",
    r"«\text{ \' }»",
    r"«\text{ \' \' e }»",
    r"«\text{ % # }»",
    r"\text { x }",
    r"\' x",
    r"x '",
    r"«\color{ $ x $ }»",
    r"«\raisebox{ 2 pt }»",
    r"«\raisebox{ 2 pt } }»",
    r"«\raisebox{ 2 } { x }»",
    r"«\raisebox{ x } { x }»",
    r"\hspace { « 2 }»",
    r"\hspace { « . em» }",
    r"\hspace { « 2 . 5 . em» }",
    r"\hspace { 2 em }",
    r"« 2 em»",
    r"«\\[ 2 pt",
    r"«\\[ a ]»",
    r"«\begin{aligned}[ x ]» \end{aligned}",
    r"\begin{array} { «p{ x }» } \end{array}",
    r"\sqrt [ «\rule[ 2 pt ]» { « 1 pt» } { « 1 pt» } ] { x }",
    r"\mathchar « A 1»",
]


def spelled(formula: str) -> list[str]:
    return [symbol for word in split(formula) for symbol in spell(word)]


@pytest.mark.parametrize("formula", GOOD)
def test_what_is_spelled_is_read(formula: str) -> None:
    assert balanced(split(formula))
    assert balanced(spelled(formula))


@pytest.mark.parametrize("symbols", BAD)
def test_what_breaks_is_refused(symbols: str) -> None:
    assert not balanced(symbols.split())


def test_every_normalized_formula_is_read_in_symbols() -> None:
    normalizer = Normalizer(NormalizerParams())
    for formula in generate(300, seed=12):
        label = normalizer.normalize(formula)
        assert balanced(spelled(label)), label


@given(length=lengths())
def test_any_length_is_read(length: str) -> None:
    for formula in (rf"\hspace {{ {length} }}", rf"\kern {length}", rf"a \\[{length}] b", rf"\mbox{{\kern{length}a}}"):
        assert balanced(spelled(formula)), formula
        assert not balanced(spelled(f"{formula} {length}"))
