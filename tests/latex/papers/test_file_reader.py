"""Formulas in the text of one file that are not between dollars."""

from tests.latex.papers.paper_formulas import formulas, notes


def test_mathematics_that_is_ensured_in_text_is_an_inline_formula() -> None:
    macros = r"\newcommand{\N}{\ensuremath{\mathbb{N}}\xspace}\def\m#1{\ensuremath{#1^2}}"
    assert formulas(macros + r"\N and \textbf{\m{a+b}} or \ensuremath\alpha\ $z$") == [
        r"\mathbb{N}",
        "a+b^2",
        r"\alpha",
        "z",
    ]
    assert formulas(r"\ensuremath{a\mbox{ if $x$ }} $\mbox{\ensuremath{b}}$") == [
        r"a\mbox{if$x$}",
        r"\mbox{\ensuremath{b}}",
    ]
    assert notes(r"\ensuremath{a $z$") == {"unclosed_inline": 1}


def test_a_loop_that_never_ends_is_left() -> None:
    assert formulas(r"\def\x#1{\iftrue $#1$\x{#1}\fi}\x{a} $z$")[-1] == "z"
