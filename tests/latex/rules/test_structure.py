import pytest

from im2latex.latex.normalizer import NormalizerParams, normalize


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{=} {,} {} {ab}", "{ = } { , } { } { a b }"),
        ("{a+b}", "a + b"),
        (r"\boldsymbol{{\theta}}_c \boldsymbol{{+}}", r"\boldsymbol { \theta } _ { c } \boldsymbol { { + } }"),
        ("\\hspace{1mu% so\n}x", r"\hspace { 1mu } x"),
        (r"\tilde{\tilde{{\mathcal{A}}}}", r"\tilde { \tilde { { \mathcal { A } } } }"),
        (r"\left( {=} \right)", r"\left ( { = } \right )"),
        (r"{a \brack b}", r"\genfrac{[}{]}{0pt}{} { a } { b }"),
        (r"{a \above 2pt b}", r"\genfrac{}{}{2pt}{} { a } { b }"),
        (r"\begin{matrix} a \\[2pt] \end{matrix}", r"\begin{matrix} a \\[2pt] \end{matrix}"),
        (r"\displaystyle{a \over b}", r"\frac { a } { b }"),
        (r"a {{\color{red} b}} \mathbf{{{\color{red} x_l}}}", r"a { \color{red} b } \mathbf { \color{red} x _ { l } }"),
        (r"{{\color{red} b}}^2", r"{ { \color{red} b } } ^ { 2 }"),
    ],
)
def test_structure(before: str, after: str) -> None:
    assert normalize(before, NormalizerParams()) == after
