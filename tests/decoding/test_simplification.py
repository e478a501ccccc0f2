import pytest

from im2latex.decoding.simplification import simpler_spellings


@pytest.mark.parametrize(
    ("latex", "simple"),
    [
        (r"\textcolor{red} { 2 }", "2"),
        (r"{ \color{black} 2 } x", "2 x"),
        (r"\mbox{$\mu$}", r"\mu"),
        (r"\mbox{${x_{1}}$}", "x _ { 1 }"),
        (r"\mbox{\boldmath$E$}", "E"),
        (r"\operatorname { \boldsymbol { \lambda } }", r"\lambda"),
        (r"\left ( a , b \right )", "( a , b )"),
        (r"x _ { \left [ \mathbf { i } \right ] }", "x _ { [ i ] }"),
        (r"\tfrac { 1 } { 5 } x", r"\frac { 1 } { 5 } x"),
        ("l _ { s } ^ { }", "l _ { s }"),
        (r"v _ { j } ^ { \phantom { \frac { 1 } { 2 } } }", "v _ { j }"),
        (r"\sum \hspace { -0.5pt } \sum", r"\sum \sum"),
    ],
)
def test_the_barest_spelling_comes_first(latex: str, simple: str) -> None:
    assert simpler_spellings(latex)[0] == simple


def test_each_wrapper_is_taken_off_alone_too() -> None:
    assert set(simpler_spellings(r"\mathbf { u } + \mathrm { d } v")) == {
        "u + d v",
        r"u + \mathrm { d } v",
        r"\mathbf { u } + d v",
    }


@pytest.mark.parametrize("latex", ["x ^ { 2 }", r"\text{if }x", r"\left . x \right |", r"\frac { a } { b }", "{"])
def test_what_holds_no_wrapper_has_no_simpler_spelling(latex: str) -> None:
    assert simpler_spellings(latex) == []
