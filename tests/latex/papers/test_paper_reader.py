import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from im2latex.latex.papers.formula_collector import ExtractedFormula
from im2latex.latex.papers.macro_expander import MacroExpander
from im2latex.latex.papers.paper_reader import PaperReader

BEGIN, END = r"\begin{equation}", r"\end{equation}"
PIECES = ["$", "$$", r"\[", r"\]", r"\(", BEGIN, END, r"\be ", rf"\def\be{{{BEGIN}}}", rf"\newcommand{{\ee}}{{{END}}}"]
PIECES += [r"\ee ", "{", "}", "x^2", "\n", "\n\n", "%", r"\input{b}", r"\verb|", r"\text{", "é"]


def found(source: str, min_inline: int | None = 1, **others: str) -> list[ExtractedFormula]:
    return PaperReader(
        {"a.tex": source} | {f"{name}.tex": text for name, text in others.items()}, min_inline, MacroExpander()
    ).paper()


def formulas(source: str, min_inline: int | None = 1, **others: str) -> list[tuple[str, str | None]]:
    return [(item.env, item.formula) for item in found(source, min_inline, **others)]


def test_every_kind_of_display_and_inline() -> None:
    source = r"\[ a \] $$b$$ \begin{equation*}c\end{equation*} \begin{align}d&=e\end{align} $f$ \(g\)"
    source += r" \begin{math}h\end{math}"
    assert formulas(source) == [
        ("\\[", "a"),
        ("$$", "b"),
        ("equation*", "c"),
        ("align", r"\begin{aligned} d&=e \end{aligned}"),
        ("inline", "f"),
        ("inline", "g"),
        ("math", "h"),
    ]


def test_short_inline_formulas_are_left_out() -> None:
    assert formulas("$x$ and $x+y+z$", 5) == [("inline", "x+y+z")]
    assert formulas("$x+y+z$", None) == []


def test_dollars_in_text_belong_to_the_formula() -> None:
    assert formulas(r"$x \text{ if $y$ is} z$ and $w$")[0] == ("inline", r"x \text{ if $y$ is} z")


def test_an_open_dollar_ends_with_its_paragraph() -> None:
    assert formulas("costs 5$ a piece\n\n$x$") == [("inline", "x")]


def test_shorthands_of_displays() -> None:
    source = rf"\newcommand{{\be}}{{{BEGIN}}}\def\ee{{{END}}}\newcommand{{\eq}}[1]{{{BEGIN}#1{END}}}"
    source += r"\newenvironment{my}{\begin{align*}}{\end{align*}} \be x \ee \eq{y} \begin{my}a&b\end{my}"
    assert [env for env, _ in formulas(source)] == ["equation", "equation", "align*"]
    assert formulas(source)[1] == ("equation", "y")


def test_definitions_hold_from_their_place_on() -> None:
    assert formulas(r"$\x$ \def\x{1} $\x$ \def\x{2} $\x$") == [("inline", r"\x"), ("inline", "1"), ("inline", "2")]
    assert formulas(r"$\def\x{1}\x$ $\x$") == [("inline", "1"), ("inline", r"\x")]


def test_lines_and_files_are_named() -> None:
    source = "\\documentclass{a}\n% c\n\\input{b}\n\n$x$ % $n$\n\\begin{equation}\ny\n\\end{equation}\n$z$"
    items = found(source, b="\n$w$")
    assert [(item.file, item.line, item.formula) for item in items] == [
        ("b.tex", 2, "w"),
        ("a.tex", 5, "x"),
        ("a.tex", 6, "y"),
        ("a.tex", 9, "z"),
    ]


def test_inputs_stay_inside_and_cycles_are_cut() -> None:
    walk = PaperReader({"a.tex": r"\documentclass{x}\input{../b}\input{/etc/passwd}\input{a}$x$"}, 1, MacroExpander())
    assert [item.formula for item in walk.paper()] == ["x"]
    assert walk.reasons == {"missing_input": 2, "input_cycle": 1}


def test_packages_of_the_paper_define_too() -> None:
    files = {"a.tex": r"\documentclass{x}\usepackage[z]{mine, theirs}$\R$", "mine.sty": r"\newcommand{\R}{\mathbb{R}}"}
    assert [item.formula for item in PaperReader(files, 1, MacroExpander()).paper()] == [r"\mathbb{R}"]


def test_a_reason_for_what_is_not_kept() -> None:
    source = r"\newcommand{\f}[1]{#1}\def\b{\b\b} \[ \f \] \[ \b \] \[ \] \[ x \cite{y} \]"
    assert [item.reason for item in found(source)] == ["macro_argument", "macro_bomb", "empty", "no_formula"]


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
@settings(max_examples=300, deadline=2000)
def test_whatever_the_paper_holds_it_is_read_to_the_end(source: str) -> None:
    for item in found(source, b=source):
        assert (item.formula is None) == bool(item.reason)


@given(st.binary(max_size=300))
@settings(max_examples=150, deadline=2000)
def test_random_bytes_are_read_to_the_end(content: bytes) -> None:
    found(content.decode("latin-1"))


def test_imports_are_followed_into_their_folder() -> None:
    walk = PaperReader(
        {"main.tex": r"\documentclass{a}\import{parts/}{one}", "parts/one.tex": r"\[ a \]"}, None, MacroExpander()
    )
    assert [(item.file, item.formula) for item in walk.paper()] == [("parts/one.tex", "a")]


@pytest.mark.parametrize(
    "piece",
    [r"\newcommand{\a}{x ", r"\newcommand{\a}[x ", r"$a$ word ", r"\def\a{$$}\a ", r"\begin{a}{", r"\[ x "],
)
def test_reading_takes_time_in_proportion_to_the_length(piece: str) -> None:
    """Ten times the text in far less than a hundred times the time, of the processor, whatever the machine."""

    def seconds(length: int) -> float:
        started = time.process_time()
        found(piece * (length // len(piece)))
        return time.process_time() - started

    assert seconds(300_000) < 30 * max(seconds(30_000), 0.02)
