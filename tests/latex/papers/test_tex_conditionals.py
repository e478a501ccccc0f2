"""Conditionals in text, displays and macros: unprinted branches are dropped, unknown conditions are counted."""

import random
import re

import pytest

from tests.latex.papers.paper_formulas import formulas, notes

TRUE = [
    ("", r"\iftrue"),
    (r"\newif\ifyes\yestrue", r"\ifyes"),
    (r"\newif\ifyes{\global\yestrue}", r"\ifyes"),
    (r"\let\ifyes\iftrue", r"\ifyes"),
    (r"\def\a{1}\def\b{1}", r"\ifx\a\b"),
    (r"\newcommand{\a}{}", r"\ifx\a\empty"),
    (r"\def\a{1}", r"\ifdefined\a"),
    (r"\def\a{1}", r"\ifcsname a\endcsname"),
    (r"\def\a{1}", r"\ifnum\a=1 "),
    ("", r"\ifnum 1<2 "),
    ("", r"\ifodd 3 "),
    (r"\def\a{x}", r"\if x\a"),
    (r"\newcommand{\full}{1}", r"\if1\full"),
    ("", r"\unless\iffalse"),
    (r"\newboolean{yes}\setboolean{yes}{true}", r"\ifyes"),
    (r"\newbool{yes}\booltrue{yes}", r"\ifyes"),
]
FALSE = [
    ("", r"\iffalse"),
    (r"\newif\ifno", r"\ifno"),
    (r"\newif\ifno\notrue\nofalse", r"\ifno"),
    (r"\newif\ifno{\notrue}", r"\ifno"),
    (r"\def\a{1}\def\b{2}", r"\ifx\a\b"),
    (r"\def\a{1}", r"\ifx\a\undefined"),
    (r"\def\a{1}", r"\ifx\a\empty"),
    (r"\def\a{0}", r"\ifnum\a=1"),
    ("", r"\if01"),
    ("", r"\ifmmode"),
    (r"\def\a{1}", r"\unless\ifdefined\a"),
    (r"\newif\ifno\let\ifother\ifno", r"\ifother"),
    ("", r"\ifdefined\full"),
    ("", r"\ifcsname full\endcsname"),
    ("", r"\unless\ifx\full\undefined"),
    ("", r"\unless\ifx\undefined\full"),
    (r"{\def\full{1}}", r"\ifdefined\full"),
]
CONDITIONAL_COMMANDS = [
    (r"\newtoggle{t}\toggletrue{t}", r"\iftoggle{t}", True),
    (r"\newtoggle{t}", r"\iftoggle{t}", False),
    (r"\newboolean{t}\setboolean{t}{true}", r"\ifthenelse{\boolean{t}}", True),
    (r"\newcommand{\v}{long}", r"\ifthenelse{\equal{\v}{short}}", False),
    ("", r"\ifthenelse{1 < 2}", True),
    ("", r"\ifthenelse{\NOT 1 < 2}", False),
    (r"\def\a{1}", r"\ifdef{\a}", True),
    (r"\def\a{1}", r"\@ifundefined{a}", False),
    ("", r"\@ifundefined{some}", True),
    ("", r"\ifdef{\some}", False),
    ("", r"\ifcsdef{some}", False),
    ("", r"\ifstrempty{}", True),
    ("", r"\ifblank{ x}", False),
    ("", r"\ifstrequal{a}{a}", True),
]


def named(rng: random.Random, pairs: list[tuple[str, str]], number: int) -> tuple[str, str]:
    """Definitions and a condition, with names that no other one has."""
    definitions, condition = rng.choice(pairs)
    letter = chr(ord("a") + number % 26) * (1 + number // 26)
    for name in (r"\a", r"\b", "yes", "no", r"\full"):
        pattern = re.escape(name) + ("(?![A-Za-z])" if name[0] == "\\" else "(?:(?![A-Za-z])|(?=true|false))")
        definitions, condition = (
            re.sub(pattern, name.replace("\\", "\\\\") + letter, text) for text in (definitions, condition)
        )
    return definitions, condition.replace(r"csname a\end", rf"csname a{letter}\end")


def conditional(rng: random.Random, depth: int, names: list[int]) -> tuple[str, str, list[str]]:
    """Definitions, a conditional, nested up to a depth, and the formulas that it prints."""
    holds = rng.random() < 0.5
    names[0] += 1
    definitions, condition = named(rng, TRUE if holds else FALSE, names[0])
    branches = []
    for _ in range(2):
        names[0] += 1
        formula, inner = f"a_{{{names[0]}}}", ""
        printed: list[str] = []
        if depth:
            before, inner, printed = conditional(rng, depth - 1, names)
            definitions += before
        branches.append((rng.choice([f"${formula}$", rf"\[{formula}\]"]) + inner, [formula, *printed]))
    other = rng.random() < 0.7
    source = rf"{condition} {branches[0][0]}" + (rf"\else {branches[1][0]}\fi " if other else r"\fi ")
    return definitions, source, branches[0][1] if holds else branches[1][1] if other else []


@pytest.mark.parametrize("seed", range(120))
def test_siblings_in_text(seed: int) -> None:
    rng = random.Random(seed)
    definitions, source, printed = conditional(rng, rng.randint(0, 3), [0])
    source = definitions + source
    assert formulas(f"$s$ {source} $x+y=17$") == ["s", *printed, "x+y=17"]
    assert notes(source) == {}


@pytest.mark.parametrize("seed", range(60))
def test_siblings_in_displays_and_macros(seed: int) -> None:
    rng = random.Random(seed)
    holds = rng.random() < 0.5
    definitions, condition = rng.choice([pair for pair in (TRUE if holds else FALSE) if pair[1] != r"\ifmmode"])
    choice = rf"{condition} u\else v\fi"
    chosen = "u" if holds else "v"
    source, found = rng.choice(
        [
            (rf"\begin{{equation}} a {choice} \end{{equation}}", [f"a{chosen}"]),
            (rf"$a {choice} b$", [f"a{chosen}b"]),
            (rf"\newcommand{{\m}}[1]{{{choice} #1}} \[ \m z\]", [f"{chosen}z"]),
            (rf"\newcommand{{\m}}[1]{{{condition} #1\fi}} \m{{$c$}}", ["c"] if holds else []),
            (rf"\[ a {condition} u\]\else v\]\fi", [f"a{chosen}"]),
            (rf"{condition}\begin{{equation}}u\else\begin{{equation}}v\fi +a\end{{equation}}", [f"{chosen}+a"]),
            (rf"\newcommand{{\be}}{{{condition}\[\else$$\fi}}\be a{condition}\]\else$$\fi", ["a"]),
        ]
    )
    assert formulas(f"{definitions} {source} $w$") == [*found, "w"]


@pytest.mark.parametrize(("definitions", "condition", "holds"), CONDITIONAL_COMMANDS)
def test_choices_between_arguments(definitions: str, condition: str, holds: bool) -> None:
    assert formulas(rf"{definitions} {condition}{{$a$}}{{$b$}} $w$") == ["a" if holds else "b", "w"]
    assert formulas(rf"{definitions} $x {condition}{{a}}{{b}}$") == ["xa" if holds else "xb"]


def test_a_name_that_the_paper_uses_or_an_engine_defines_may_be_defined_elsewhere() -> None:
    for condition in (
        r"\some\ifdefined\some",
        r"\ifx\pdfoutput\undefined",
        r"\begin{some}\end{some}\ifcsname some\endcsname",
    ):
        assert notes(rf"{condition} $a$\else $b$\fi") == {"unresolved_conditional": 1}
    assert formulas(
        r"\ifdefined\some $a$\else $b$\fi", {"b.tex": r"\documentclass{a}\newcommand{\some}{1}\ifdefined\some $c$\fi"}
    ) == ["c"]


def test_case_distinctions() -> None:
    for number, printed in ((0, "a"), (1, "b"), (2, "c"), (7, "c")):
        assert formulas(rf"\ifcase {number} $a$\or $b$\else $c$\fi $z$") == [printed, "z"]


@pytest.mark.parametrize(
    "condition",
    [r"\ifdim\hsize>1pt", r"\ifvmode", r"\ifdraft", r"\ifx\some\thing", r"\ifhbox1", r"\some\ifcsname some\endcsname"],
)
def test_unresolvable_conditionals_are_counted(condition: str) -> None:
    assert formulas(rf"{condition} $a$\else $b$\fi $c$") == ["a", "b", "c"]
    assert notes(rf"{condition} $a$\else $b$\fi $c$") == {"unresolved_conditional": 1}


def test_a_formula_with_an_unknown_condition_is_refused() -> None:
    assert formulas(r"\newcommand{\m}{\ifdim\hsize>1pt a\else b\fi}$\m$ $c$") == ["!unresolved_conditional", "c"]
    assert formulas(r"$a \else b$") == ["!unresolved_conditional"]
    assert notes(r"\iffalse $a$") == {"unclosed_conditional": 1}


def test_a_box_in_a_formula_is_text() -> None:
    assert formulas(r"\newcommand{\m}{\ifmmode x\else $y$\fi}\m $\m\mbox{a \m}\text{$\m$}$") == [
        "y",
        r"x\mbox{a$y$}\text{$x$}",
    ]
