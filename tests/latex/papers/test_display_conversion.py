import pytest

from im2latex.latex.papers.display_conversion import display_to_formula
from im2latex.latex.papers.lexer import tokens
from tests.latex.papers.paper_formulas import formulas


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


INNER = {"align": "aligned", "gather": "gathered", "flalign": "aligned"}


@pytest.mark.parametrize("command", [r"\intertext", r"\shortintertext", r"\says"])
@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("and", []),
        ("where $x$$y$ is {so}", ["x", "y"]),
        (r"if \(x\) or \mbox{$y$}", ["x", "y"]),
        ("a $b\\text{ if $c$}$", ["b\\text{if$c$}"]),
    ],
)
@pytest.mark.parametrize("name", [*INNER, "align*"])
def test_rows_around_a_text_are_formulas_of_their_own(command: str, text: str, inside: list[str], name: str) -> None:
    inner = INNER[name.rstrip("*")]
    rows = [rf"\begin{{{inner}}}{row}\end{{{inner}}}" for row in (r"a&=1\\b&=2", "c&=3", "d")]
    source = (
        rf"\newcommand{{\says}}[1]{{\intertext{{#1}}}}\begin{{{name}}}a&=1\\ b&=2\\ {command}{{{text}}}"
        rf"c&=3\\ {command} {{{text}}} d\end{{{name}}} $z$"
    )
    assert formulas(source) == [rows[0], *inside, rows[1], *inside, rows[2], "z"]


@pytest.mark.parametrize(
    "source",
    [
        r"\begin{equation}\begin{aligned}a\\ \intertext{b}c\end{aligned}\end{equation}",
        r"\begin{align}\begin{split}a\\ \intertext{b}c\end{split}\end{align}",
        r"\[a \intertext{b} c\]",
        r"$a \intertext{b} c$",
    ],
)
def test_a_text_in_an_inner_environment_is_a_reason(source: str) -> None:
    assert formulas(source + "$z$") == ["!text_between_rows", "z"]


def test_columns_go_with_all_rows() -> None:
    source = r"\begin{alignat}{2}a&=1\intertext{b}c&=2\end{alignat}\begin{align}\intertext{b}c\end{align}"
    display = r"\begin{alignedat}{2}%s\end{alignedat}"
    assert formulas(source) == [display % "a&=1", display % "c&=2", r"\begin{aligned}c\end{aligned}"]
