"""Every form of macro definition, with the expansion of a use."""

import pytest

from im2latex.latex.papers.paper_reader import read_definitions
from tests.latex.papers.paper_formulas import formulas


@pytest.mark.parametrize(
    ("source", "formula", "expanded"),
    [
        (r"\newcommand{\R}{\mathbb{R}}", r"\R^n", r"\mathbb{R}^n"),
        (r"\newcommand\R{\mathbb R}", r"x\in\R x", r"x\in\mathbb Rx"),
        (r"\newcommand*{\v}[1]{\mathbf{#1}}", r"\v x+\v{ab}", r"\mathbf{x}+\mathbf{ab}"),
        (r"\newcommand{\n}[2][2]{\|#2\|_{#1}}", r"\n{x} \n[p]{x}", r"\|x\|_{2} \|x\|_{p}"),
        (r"\newcommand{\a}{1}\renewcommand{\a}{2}", r"\a", "2"),
        (r"\newcommand{\a}{1}\providecommand{\a}{2}", r"\a", "1"),
        (r"\providecommand{\a}{2}", r"\a", "2"),
        (r"\renewcommand{\vec}[1]{\mathbf{#1}}", r"\vec v", r"\mathbf{v}"),
        (r"\def\be{\beta}", r"\be x", r"\beta x"),
        (r"\def\d#1#2{\frac{#1}{#2}}", r"\d xy", r"\frac{x}{y}"),
        (r"\def\pair(#1,#2){\langle#1|#2\rangle}", r"\pair(a,{b,c})", r"\langle a|b,c\rangle"),
        (r"\def\upto#1;{[#1]}", r"\upto ab;c", "[ab]c"),
        (r"\let\eps\varepsilon", r"\eps_0", r"\varepsilon_0"),
        (r"\let\old\vec\renewcommand{\vec}[1]{\old{#1}'}", r"\vec x", r"\vec{x}'"),
        (r"\newcommand{\a}{1}\let\b=\a\renewcommand{\a}{2}", r"\a\b", "21"),
        (r"\DeclareMathOperator{\tr}{tr}", r"\tr A", r"\operatorname{tr}A"),
        (r"\DeclareMathOperator*{\argmin}{arg\,min}", r"\argmin_x", r"\operatorname*{arg\,min}_x"),
        (r"\DeclarePairedDelimiter{\abs}{\lvert}{\rvert}", r"\abs{x}", r"\lvert x\rvert"),
        (
            r"\DeclarePairedDelimiter\abs\lvert\rvert",
            r"\abs*{x}",
            r"\mathopen{}\mathclose{\left\lvert x\right\rvert}",
        ),
        (
            r"\DeclarePairedDelimiter\abs\lvert\rvert",
            r"\abs[\big]{x}",
            r"\mathopen{\big\lvert}x\mathclose{\big\rvert}",
        ),
        (r"\NewDocumentCommand\f{t+ m}{\IfBooleanTF{#1}{[#2]}{(#2)}}", r"\f x\f+x\f*x", "(x)[x](*)x"),
        (r"\NewDocumentCommand\f{D<>{7} m}{#1#2}", r"\f x\f<8>x", "7x8x"),
        (r"\newcommand{\a}{x#0y}", r"\a", "x#0y"),
        (r"\NewDocumentCommand{\f}{m O{2}}{#1^{#2}}", r"\f x \f{x}[3]", r"x^{2}x^{3}"),
        (r"\NewDocumentCommand\f{s m}{\IfBooleanTF{#1}{[#2]}{(#2)}}", r"\f x\f*x", "(x)[x]"),
        (r"\NewDocumentCommand\f{m o}{#1\IfValueT{#2}{_{#2}}}", r"\f a\f a[b]", "aa_{b}"),
        (r"\NewDocumentCommand\f{r() d<>}{#1\IfNoValueTF{#2}{}{|#2}}", r"\f(a)\f(a)<b>", "aa|b"),
        (r"\newcommand{\m}{\ifmmode x\else y\fi}", r"\m", "x"),
        (r"\newcommand{\m}{x\xspace}", r"\m y", "xy"),
        (r"\newcommand{\x}{\y}\newcommand{\y}{z}", r"\x", "z"),
    ],
)
def test_forms(source: str, formula: str, expanded: str) -> None:
    assert read_definitions(source).expand(formula) == expanded


@pytest.mark.parametrize("source", [r"\newcommand", r"\def\x", r"\newcommand{\x}[1]{", r"\let", r"\def\x#1}{a}"])
def test_what_cannot_be_read_defines_nothing(source: str) -> None:
    assert read_definitions(source).definitions == {}


def test_an_environment_of_the_paper() -> None:
    macros = read_definitions(r"\newenvironment{eq}{\begin{equation}}{\end{equation}}")
    assert macros.definitions[r"\eq"].body == (r"\begin", "{", *"equation", "}")


PAIR = r"\DeclarePairedDelimiter\abs{\lvert}{\rvert}"
INNER = r"\DeclarePairedDelimiterX{\inner}[2]{\langle}{\rangle}{#1,#2}"
SET = r"\DeclarePairedDelimiterX\set[1]\lbrace\rbrace{#1\;\delimsize\vert y}"
MEAN = r"\DeclarePairedDelimiterXPP\mean[1]{\mathbb{E}}[]{_0}{#1}"


@pytest.mark.parametrize(
    ("definition", "used", "kept"),
    [
        (PAIR, r"\abs{x}", r"\lvertx\rvert"),
        (PAIR, r"\abs[\big] x", r"\mathopen{\big\lvert}x\mathclose{\big\rvert}"),
        (PAIR, r"\abs* {x}", r"\mathopen{}\mathclose{\left\lvertx\right\rvert}"),
        (INNER, r"\inner{x}{y}", r"\langlex,y\rangle"),
        (INNER, r"\inner xy", r"\langlex,y\rangle"),
        (INNER, r"\inner*{x}{y}", r"\mathopen{}\mathclose{\left\langlex,y\right\rangle}"),
        (SET, r"\set{x}", r"\lbracex\;\verty\rbrace"),
        (SET, r"\set[\Big]{x}", r"\mathopen{\Big\lbrace}x\;\Big\verty\mathclose{\Big\rbrace}"),
        (SET, r"\set*{x}", r"\mathopen{}\mathclose{\left\lbracex\;\middle\verty\right\rbrace}"),
        (MEAN, r"\mean{x}", r"\mathbb{E}[x]_0"),
        (MEAN, r"\mean[\big]{x}", r"\mathbb{E}\mathopen{\big[}x\mathclose{\big]}_0"),
    ],
)
def test_a_pair_of_delimiters_is_written_out_in_the_size_that_is_asked_for(
    definition: str, used: str, kept: str
) -> None:
    assert formulas(f"{definition} $a={used}$") == [f"a={kept}"]
