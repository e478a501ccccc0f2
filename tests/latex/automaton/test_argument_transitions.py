"""The automaton on the symbols of spelled tokens: text, raw words and lengths accept only what is valid in them."""

import pytest
from hypothesis import given

from im2latex.latex.automaton.transitions import accepts
from im2latex.latex.grammar.generator import generate
from im2latex.latex.normalizer import Normalizer, NormalizerParams
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
    r"\begin{array}[t] { c @{\,} c } a & b \\[2pt] c \\[-1.5em] \end{array}",
    r"\begin{aligned}[b] a & = \text{b} \\[1ex] c \end{aligned}",
    r'\mathchar "1A3F',
    r"\mathchar 12",
    r"\text{2cm~of~$2cm$}",
    r"\mbox{}",
    r"\text{$x$$y$}",
    r"\smash[b] { x } \cramped[\scriptstyle] { x } \text{$\smash[b]{x}$}",
    r"\parbox[t][2cm][c]{3cm}{a\space{}b\\[2pt]c} \makebox[2cm][l]{x} \mathmakebox[2cm][l] { x }",
    r"\begin{multlined}[t][2cm] a \end{multlined} \begin{multlined}[2cm] a \end{multlined}",
    r"\begin{pmatrix*}[r] 1 \end{pmatrix*} \text{$\begin{pmatrix*}[r]1\end{pmatrix*}$}",
    r"\text{$\begin{aligned}[t]a&b\\[2pt]c\end{aligned}$}",
    r"\text{$\begin{array}[t]{c@{\,}|c}a&b\end{array}$}",
    r"\begin{subarray}{c} a \\ b \end{subarray} \text{$\begin{subarray}{l}a\end{subarray}$}",
    r"\begin{matrix} a \\[\jot] \noalign{\vskip2ptplus1fil\penalty-10\hrule\kern.5\jot} b \\* c \end{matrix}",
    r"\hspace { -2\jot } \hskip 1emplus2ptminus.5fill \\[2ptminus1filll] \mskip 2mu",
    r"\vrule width2ptheight.5em \begin{array} { @{\vrule width1pt\,\vrule width2pt} c } a \end{array}",
    r"\sqrt[\leftroot{2}\uproot{1}3] { x } \genfrac{[}{\rangle}{}{2} { a } { b }",
    r"\mathchar '101 \text{\char123{}4~\char'101a} \delimiter -12",
    r"\text{Erd\H{o}s~\boxed{x_{1}}~\big(~\underline{a.\space{}b}~\makebox[2cm][l]{x}~\textcolor[rgb]{1,0,0}{b}}",
    r"\skew{5}{\dot} { \phi } \cr \rlap{\slash} p",
    r"\mathop : \sideset { _ { a } } { } \sum \bordermatrix { a & b \cr c & d \cr }",
    r"\text{$\mathop*\bordermatrix{a\cr}$}",
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
    r"«\text{ $ { x $ } }»",
    r"«\text{ $ x ^ { a } ^ { b } $ }»",
    r"«\text{ $ \begin{aligned} [ x ] \end{aligned} $ }»",
    r"«\text{ $ \begin{matrix} a \\ [ x ] \end{matrix} $ }»",
    r"«\text{ a \\ [ x ] }»",
    r"«\smash[ - ]» { x }",
    r"«\cramped[ \scriptstyle a ]» { x }",
    r"«\parbox[ t ] { a }»",
    r"«\noalign{ x }»",
    r"«\noalign{ \penalty }»",
    r"\hskip « 2 pt plus»",
    r"\hskip « 2 fil»",
    r"\hskip « 2 pt minus 1 pt plus 1 pt»",
    r"\hspace { « \jot plus 1 pt» }",
    r"«\begin{pmatrix*}[ x ]» a \end{pmatrix*}",
    r"«\begin{multlined}[ x ]» a \end{multlined}",
    r"«\begin{multlined}[ t 2 cm ]» a \end{multlined}",
    r"\begin{array} { @{\vrule c } a \end{array}",
    r"\begin{array} { c width2pt} } a \end{array}",
    r"«\sqrt[ \leftroot { 2 } 3 } { x }",
    r"«\sqrt[ 3 ]» [ 3 ] { x }",
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
    assert accepts(split(formula))
    assert accepts(spelled(formula))


@pytest.mark.parametrize("symbols", BAD)
def test_what_breaks_is_refused(symbols: str) -> None:
    assert not accepts(symbols.split())


def test_every_normalized_formula_is_read_in_symbols() -> None:
    normalizer = Normalizer(NormalizerParams())
    for formula in generate(300, seed=12):
        label = normalizer.normalize(formula)
        assert accepts(spelled(label)), label


@given(length=lengths())
def test_any_length_is_read(length: str) -> None:
    for formula in (rf"\hspace {{ {length} }}", rf"\kern {length}", rf"a \\[{length}] b", rf"\mbox{{\kern{length}a}}"):
        assert accepts(spelled(formula)), formula
        assert not accepts(spelled(f"{formula} {length}"))
