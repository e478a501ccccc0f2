import pytest

from im2latex.errors import LatexError
from im2latex.rendering import screening

HOSTILE = r"""
    \input{x} \include{x} \includegraphics{x} \openin1=x \openout1=x \read1 \write18{ls} \immediate
    \special{x} \pdffiledump \pdfobj \catcode`\% \csname \def\x{\x}\x \gdef\x{} \edef\x{} \xdef\x{} \let\a\b
    \global \newcommand{\x}{} \renewcommand\x{} \DeclareMathOperator\x{x} \NewDocumentCommand \loop
    \directlua{x} \everypar{x} \everymath{} \makeatletter \scantokens{x} \iffalse \ifmmode \fi \aftergroup
    \message{x} \typeout{x} \shipout \end \stop \endinput \newpage \startformula \stopformula \fontdimen
    \setcounter{localmathalphabets}{0} \ExplSyntaxOn \tracingall \footnote{x} \usepackage{x}
"""


@pytest.mark.parametrize(
    "formula",
    [
        r"\frac{a}{b}",
        r"\{ a \} \% b % }} a comment",
        "a % {\n+ b",
        r"\begin{array}{cc} \text{if $x$} & \text{\(y\)} \end{array}",
        r"\left\{ \begin{cases} a \\[2pt] b \end{cases} \right.",
        r"a \iff b \newline \setminus \definite",
        r"\begingroup a \endgroup \bgroup b \egroup",
        "a\r\n+ b\n",
        r"\operatorname*{ess\,sup} \$ \hline \mbox{é}",
    ],
)
def test_formulas_that_only_typeset_pass(formula: str) -> None:
    screening.screen(formula)


@pytest.mark.parametrize(
    ("formula", "reason", "position"),
    [
        ("", "empty", 0),
        (" \n", "empty", 0),
        ("a{b", "unbalanced", 3),
        ("a}b", "unbalanced", 1),
        ("{a % }", "unbalanced", 6),
        (r"{a \}", "unbalanced", 5),
        (r"\\}", "unbalanced", 2),
        (r"\begin{array}{c} a", "unbalanced", 18),
        (r"a \end{array}", "unbalanced", 2),
        (r"\begin{a}\begin{b}\end{a}\end{b}", "unbalanced", 18),
        (r"\begin{a}{\end{a}}", "unbalanced", 10),
        (r"a \end{document} b", "unbalanced", 2),
        (r"\begin{document}", "forbidden", 0),
        (r"\begin{input}", "forbidden", 0),
        (r"\begin{def*}", "forbidden", 0),
        (r"\begin{math}", "forbidden", 0),
        (r"\begin\foo", "forbidden", 0),
        ("$a$", "stray_math_shift", 0),
        (r"a \) \text{b} \( c", "stray_math_shift", 2),
        ("a\n\nb", "blank_line", 1),
        ("a\n \t\nb", "blank_line", 1),
        (r"a \par b", "blank_line", 2),
        ("a\x00b", "control_character", 1),
        ("a\rb", "control_character", 1),
        ("a\ud800", "control_character", 1),
        ("^^5cinput", "forbidden", 0),
    ],
)
def test_what_is_left_open_or_is_no_text_is_refused(formula: str, reason: str, position: int) -> None:
    with pytest.raises(LatexError) as caught:
        screening.screen(formula)
    assert (caught.value.reason, caught.value.position) == (reason, position)


@pytest.mark.parametrize("command", HOSTILE.split())
def test_commands_that_do_more_than_typeset_are_refused(command: str) -> None:
    opened = f"{{{command}}}"
    with pytest.raises(LatexError) as caught:
        screening.screen(opened)
    assert caught.value.reason == "forbidden"
    assert caught.value.detail.startswith(command.split("{")[0][:3])


def test_a_refusal_tells_why() -> None:
    with pytest.raises(LatexError, match=r"forbidden at character 2: \\def defines, or assigns beyond its group"):
        screening.screen(r"a \def\x{}")


def test_clean_keeps_the_formula_and_drops_the_lines_around_it() -> None:
    assert screening.clean("\n a\r\n+ b \n") == "a\n+ b"
