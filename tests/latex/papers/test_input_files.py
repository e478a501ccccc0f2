import random

import pytest

from im2latex.latex.papers.input_files import main_files, resolve
from tests.latex.papers.paper_formulas import formulas, notes


def test_main_files() -> None:
    assert main_files({"a.tex": r"\documentclass{x}", "b.tex": ""}) == ["a.tex"]
    assert main_files({"a.tex": r"\input b", "b.tex": ""}) == ["a.tex"]


def test_inputs_are_searched_in_the_folder_of_the_file_and_at_the_top() -> None:
    files = {"sub/c.tex": "", "top.tex": ""}
    assert resolve("c", "sub/a.tex", files) == "sub/c.tex"
    assert resolve("top", "sub/a.tex", files) == "top.tex"
    assert resolve("../../top", "sub/a.tex", files) is None
    assert resolve("/etc/passwd", "a.tex", files) is None


MAIN = r"\documentclass{article}\begin{document}$s$ %s $y+z$\end{document} $n$"


@pytest.mark.parametrize("seed", range(60))
def test_siblings_of_inputs(seed: int) -> None:
    rng = random.Random(seed)
    name = rng.choice(["b", "sec/b", "b-1", "two words", "./b"])
    ways = [r"\input{%s}", r"\input{%s.tex}", r"\include{%s}", r"\input{ %s }", r"\subfile{%s}", r"\input %%\n{%s}"]
    ways += [r'\input "%s" ', r'\input{"%s"}', r'\input "%s.tex" ', r"\InputIfFileExists{%s}{}{$n$}", r"\@input{%s}"]
    ways += [] if " " in name else ["\\input %s ", "\\input %s.tex\n"]
    inside = rng.choice(
        [
            "$a$",
            "$a$\n\\endinput\n$n$",
            "$a$ \\iffalse $n$\\fi",
            "$a$% $n$",
            r"\iftrue $a$\endinput\fi $n$",
            "\\newcommand{\\q}{a}$\\q$",
            "\\[ a \\]\r% $n$\r",
        ]
    )
    files = {name.removeprefix("./") + ".tex": inside}
    assert formulas(MAIN % (rng.choice(ways).replace("\\n", "\n") % name), files) == ["s", "a", "y+z"]


@pytest.mark.parametrize(
    "display", ["$$%s$$", r"\[%s\]", r"\begin{equation}%s\end{equation}", r"\begin{equation*} %s\end{equation*}"]
)
@pytest.mark.parametrize("way", [r"\input{b}", r"\input b ", r'\input{"b"}', r"\input{b.tex}", r"\include{b}"])
def test_an_input_inside_a_display(display: str, way: str) -> None:
    assert formulas(MAIN % (display % f"a+{way}+d"), {"b.tex": "b_1 % $n$\n+c\n"}) == ["s", "a+b_1+c+d", "y+z"]
    assert formulas(MAIN % (display % f"a+{way}+d"), {"b.tex": "b_1\n\\endinput n\nn"}) == ["s", "a+b_1+d", "y+z"]
    assert formulas(MAIN % (display % f"a+{way}+d")) == ["s", "!missing_input", "y+z"]


def test_an_input_by_a_macro_inside_a_display() -> None:
    macros = r"\newcommand{\inc}[1]{\input{#1}}\newcommand{\part}[1]{\inc{sec/#1}}"
    assert formulas(macros + r"\[a+\part{b}+d\] $y$", {"sec/b.tex": "b_1\n"}) == ["a+b_1+d", "y"]
    assert formulas(macros + r"\[a+\part{b}+d\] $y$") == ["!missing_input", "y"]


def test_what_is_not_included() -> None:
    files = {"b.tex": "$b$", "c.tex": "$c$"}
    assert formulas(r"\documentclass{a}\includeonly{c}\include{b}\include{c}", files) == ["c"]
    assert formulas(r"\documentclass{a}\InputIfFileExists{d}{$y$}{$n$}", files) == ["n"]
    assert notes(r"\documentclass{a}\input{d}$x$") == {"missing_input": 1}


def test_a_part_with_a_preamble_of_its_own_is_read_once() -> None:
    part = r"\documentclass[a]{subfiles}\begin{document}$a$\end{document}$n$"
    assert formulas(MAIN % r"\subfile{b}", {"b.tex": part}) == ["s", "a", "y+z"]


def test_two_documents_do_not_share_definitions() -> None:
    other = r"\documentclass{a}\begin{document}$\x$\end{document}"
    assert formulas(r"\documentclass{a}\newcommand{\x}{1}\begin{document}$\x$\end{document}", {"b.tex": other}) == [
        "1",
        r"\x",
    ]


def test_a_renewed_input_is_followed() -> None:
    source = r"\let\old\input\renewcommand{\input}[1]{\old{d/#1}}" + MAIN % r"\input{b}"
    assert formulas(source, {"d/b.tex": "$a$"}) == ["s", "a", "y+z"]


def test_documents_with_old_line_ends_are_found() -> None:
    assert main_files({"a.tex": "% c\r\\documentclass{x}\r", "b.tex": ""}) == ["a.tex"]
