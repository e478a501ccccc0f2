import pytest

from im2latex.latex.normalizer import NormalizerParams, normalize


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (r"\begin{equation} x = y \end{equation}", "x = y"),
        (r"\begin{equation*} x \\ y \end{equation*}", r"\begin{equation*} x \\ y \end{equation*}"),
        (r"\begin{alignat}{2} a &= b \end{alignat}", r"\begin{alignedat} { 2 } a & = b \end{alignedat}"),
        (r"\begin{gather*} a \\ b \end{gather*}", r"\begin{gathered} a \\ b \end{gathered}"),
        (r"\begin{eqnarray} a &=& b \end{eqnarray}", r"\begin{array} { r c l } a & = & b \end{array}"),
        (r"\begin{split} a &= b \end{split}", r"\begin{aligned} a & = b \end{aligned}"),
        (r"\begin{matrix} {a + b} & {\cdots} & {} \end{matrix}", r"\begin{matrix} a + b & { \cdots } & \end{matrix}"),
        (r"\begin{matrix} a \\ {[b]} \end{matrix}", r"\begin{matrix} a \\ { [ b ] } \end{matrix}"),
        (r"\begin{aligned} {a} & {= b} \end{aligned}", r"\begin{aligned} a & { = b } \end{aligned}"),
        (r"\begin{matrix} {\hfill a} \end{matrix}", r"\begin{matrix} { \hfill a } \end{matrix}"),
    ],
)
def test_environments(before: str, after: str) -> None:
    assert normalize(before, NormalizerParams()) == after
