"""Scope of definitions: up to the end of the group, for every defining command."""

import random

import pytest

from tests.latex.papers.paper_formulas import formulas

GROUPS = [
    ("{", "}"),
    (r"\begingroup ", r"\endgroup "),
    (r"\bgroup ", r"\egroup "),
    (r"\begin{center}", r"\end{center}"),
    (r"\begin{theorem}", r"\end{theorem}"),
    (r"\mbox{", "}"),
    (r"\textbf{", "}"),
    (r"\footnote{", "}"),
    (r"{\bf ", "}"),
    (r"\begin{abstract}{", r"}\end{abstract}"),
    (r"\newenvironment{mine}{}{}\begin{mine}", r"\end{mine}"),
]
LOCAL = [
    r"\renewcommand{\x}{%s}",
    r"\renewcommand*\x{%s}",
    r"\def\x{%s}",
    r"\let\x=%s",
    r"\newcommand{\y}{%s}\let\x\y",
    r"\edef\x{%s}",
    r"\DeclareRobustCommand{\x}{%s}",
    r"\RenewDocumentCommand\x{}{%s}",
    r"\DeclareMathOperator{\x}{%s}",
]
GLOBAL = [r"\gdef\x{%s}", r"\xdef\x{%s}", r"\global\let\x=%s", r"\global\def\x{%s}"]
ALIASES = [
    r"\let\new\newcommand",
    r"\let\new=\newcommand",
    r"\newcommand{\new}{\newcommand}",
    r"\def\new{\newcommand}",
    r"\newcommand*\new{\newcommand*}",
    r"\DeclareRobustCommand{\new}{\newcommand}",
    r"\let\once\newcommand\let\new\once",
    r"\let\new\DeclareRobustCommand",
    r"\newcommand{\new}[2]{\newcommand{#1}{#2}}",
    r"\newcommand{\new}[2]{\def#1{#2}}",
    r"\newcommand{\new}{\providecommand}",
    r"\long\def\new#1#2{\expandafter\gdef\expandafter#1{#2}}",
]
UNGROUPED = [
    r"\AtBeginDocument{%s}",
    r"\AtEndOfPackage{%s}",
    r"\ifthenelse{\isodd{\page}}{%s}{}",
    r"\unknown[a]{b}{%s}",
]


@pytest.mark.parametrize("seed", range(100))
def test_siblings_of_groups(seed: int) -> None:
    rng = random.Random(seed)
    group, inner = rng.sample(GROUPS, 2)
    everywhere = rng.random() < 0.3
    definition = rng.choice(GLOBAL if everywhere else LOCAL) % "2"
    value = r"\operatorname{2}" if "Operator" in definition else "2"
    source = (
        rf"\newcommand{{\x}}{{1}}$\x$ {group[0]}$\x$ {inner[0]}$\x${definition} $\x$ {inner[1]} $\x$ {group[1]} $\x$"
    )
    after = value if everywhere else "1"
    assert formulas(source) == ["1", "1", "1", value, after, after]


@pytest.mark.parametrize("alias", ALIASES)
@pytest.mark.parametrize(
    ("use", "found"),
    [
        (r"\new{\x}{y_1} $\x$", ["y_1"]),
        (r"\new{\be}{\begin{equation}}\new{\ee}{\end{equation}} \be a=1 \ee $z$", ["a=1", "z"]),
        (r"\new{\bm}{$$}$x$ \bm a\bm $z$", ["x", "a", "z"]),
        (r"{\new{\x}{\alpha} $\x$} $w$", [r"\alpha", "w"]),
    ],
)
def test_siblings_of_aliases(alias: str, use: str, found: list[str]) -> None:
    assert formulas(f"{alias} {use}") == found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (r"\let\Def\def\Def\x#1{y#1}$\x2$", ["y2"]),
        (r"\newcommand{\renew}{\renewcommand}\newcommand{\x}{1}\renew{\x}{2}$\x$", ["2"]),
        (r"\let\op\DeclareMathOperator\op*{\tr}{tr}$\tr A$", [r"\operatorname*{tr}A"]),
        (r"\let\env\newenvironment\env{q}{\begin{equation}}{\end{equation}}\begin{q}a\end{q}", ["a"]),
        (r"\newcommand{\bb}[1]{\expandafter\newcommand\csname b#1\endcsname{\mathbb{#1}}}\bb{R}$\bR$", [r"\mathbb{R}"]),
        (r"\newcommand{\f}[2]{\newcommand{#1}[1]{\mathbf{#2}_{##1}}}\f{\R}{R}$\R3$", [r"\mathbf{R}_{3}"]),
        (
            r"\newcommand{\mk}[2]{\expandafter\newcommand\csname #1\endcsname{#2}}"
            r"\mk{be}{\begin{equation}}\mk{ee}{\end{equation}}\be a\ee",
            ["a"],
        ),
        (r"\newcommand{\mk}[2]{\expandafter\def\csname #1\endcsname{#2}}\mk{bd}{$$}\bd a\bd $z$", ["a", "z"]),
        (r"\def\bgn{\begin}\def\nd{\end}\bgn{equation}a\nd{equation}$z$", ["a", "z"]),
        (r"\newcommand\be{\begin}\newcommand\en{\end}\be {gather} a\en {gather}", [r"\begin{gathered}a\end{gathered}"]),
        (r"\@namedef{x}{y}$\x$", ["y"]),
        (
            r"\def\all#1{\ifx#1\relax\else\expandafter\def\csname b#1\endcsname{\mathbf{#1}}\expandafter\all\fi}"
            r"\all XYZ\relax $\bX\bZ$",
            [r"\mathbf{X}\mathbf{Z}"],
        ),
        (
            r"\def\all#1{\ifx\all#1\else\expandafter\def\csname #1#1\endcsname{\mathbb{#1}}\expandafter\all\fi}"
            r"\all ABC\all $\AA\CC$ \iftrue $z$\fi",
            [r"\mathbb{A}\mathbb{C}", "z"],
        ),
        (r"\def\x#1{\ifx#1.\else #1_1\expandafter\x\fi}$\x abc.$", ["a_1b_1c_1"]),
        (r"\def\x#1#{\hbox to #1}$\x3pt{a}$", [r"\hboxto3pt{a}"]),
        (r"\def\x#{\hbox}$\x{a}$", [r"\hbox{a}"]),
        (r"\def\y{1}\edef\x{\y\noexpand\y}\def\y{2}$\x$", ["12"]),
        (r"\let\a\b\let\b\c\def\c{1}$\a\b\c$", [r"\b\c1"]),
        (r"\def\c{1}\let\b\c\let\a\b\def\c{2}$\a\b\c$", ["112"]),
        (r"\newcommand{\x}{1}\providecommand{\x}{2}\providecommand{\y}{3}$\x\y$", ["13"]),
        (r"$\x$ \def\x{1}$\x$", [r"\x", "1"]),
        (r"$\x\def\x{2}\x$ $\x$", [r"\x2", r"\x"]),
        (r"\def\x{1}${\def\x{2}\x}\x$", ["{2}1"]),
        (r"\def\x{1}$\gdef\x{2}\x$ $\x$", ["2", "2"]),
        (
            r"\newenvironment{mat}[1]{\begin{array}{#1}}{\end{array}}$\begin{mat}{c}a\end{mat}$",
            [r"\begin{array}{c}a\end{array}"],
        ),
    ],
)
def test_other_definitions(source: str, found: list[str]) -> None:
    assert formulas(source) == found


@pytest.mark.parametrize("place", UNGROUPED)
def test_code_in_an_argument_is_not_local(place: str) -> None:
    assert formulas(place % r"\newcommand{\x}{1}" + r"$\x$") == ["1"]
