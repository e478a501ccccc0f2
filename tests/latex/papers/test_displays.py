import pytest

from im2latex.latex.papers.displays import display_to_formula
from im2latex.latex.papers.lexer import tokens


@pytest.mark.parametrize(
    ("body", "env", "formula"),
    [
        (r"x = y \label{eq:x}", "equation", "x = y"),
        (r"x \eqno (1)", "$$", "x"),
        (r"a &= b \\ c &= d \nonumber \\", "align*", r"\begin{aligned} a &= b \\ c &= d \end{aligned}"),
        (r"{2} a &= b", "alignat", r"\begin{alignedat}{2} a &= b \end{alignedat}"),
        (r"a \\ b", "gather", r"\begin{gathered} a \\ b \end{gathered}"),
        (r"a &=& b", "eqnarray", r"\begin{array}{rcl} a &=& b \end{array}"),
        (r"{rCl} a &=& b \IEEEyesnumber", "IEEEeqnarray", r"\begin{array}{rcl} a &=& b \end{array}"),
        (r"a \over b", "\\[", r"{a \over b}"),
        (r"{a \over b}", "\\[", r"{a \over b}"),
        (r"\label{x} \\", "align", ""),
    ],
)
def test_displays(body: str, env: str, formula: str) -> None:
    assert display_to_formula(tokens(body), env) == formula
