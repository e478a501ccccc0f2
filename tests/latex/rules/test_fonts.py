import pytest

from im2latex.latex.normalizer import NormalizerParams, normalize


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (r"x {\bf y z} w", r"x \mathbf { y z } w"),
        (r"x {\rm a \it b}", r"x { \mathrm { a } \mathit { b } }"),
        (r"a \bf x + y", r"a \mathbf { x + y }"),
        (r"a \bf \sum_i x", r"a \bf \sum _ { i } x"),
        (r"\mathop{\rm Tr}_x", r"\mathop { \mathrm { T r } } _ { x }"),
        (r"\text{T}^2", r"\text{T} ^ { 2 }"),
        (r"\text{max}^2", r"\mathrm { m a x } ^ { 2 }"),
        (r"\mbox{d}\Sigma", r"\mbox{d} \Sigma"),
        (r"x_{\mbox{max}}", r"x _ { \mbox{max} }"),
        (r"x_{\text{for all}}", r"x _ { \text{for~all} }"),
        (r"x {\small\mbox{cm}}", r"x { \small \mbox{cm} }"),
        (r"\textsf{or}", r"\textsf{or}"),
        (r"\text{a, b}", r"\text{a,~b}"),
        (r"\raise 1pt\hbox{ab}", r"\raise 1pt \hbox{ab}"),
        (r"\mbox{ } x", "{ ~ } x"),
        (r"\mathsf{\mbox{ }} x", r"\mathsf { ~ } x"),
        (r"\boldsymbol{x \text{ or } y}", r"\boldsymbol { x \text{~or~} y }"),
        (r"{\rm const.}", r"\mathrm { c o n s t . }"),
        (r"{\bf{\theta}} {\rm{ = }}", r"\theta { = }"),
        (r"\mathbf \alpha", r"\alpha"),
        (r"{\bf \cancel{x} \bf , a}", r"\bf \cancel { x } \bf , a"),
        (r"\bar{\tilde{\cal H}}", r"\bar { \tilde { { \mathcal { H } } } }"),
    ],
)
def test_fonts(before: str, after: str) -> None:
    assert normalize(before, NormalizerParams()) == after
