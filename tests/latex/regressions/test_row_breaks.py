r"""Stars and brackets after `\\`, and gaps that are named lengths."""

from collections.abc import Callable

import pytest

from im2latex.latex.normalizer import NormalizerParams, normalize
from im2latex.latex.parser.signatures import ENVIRONMENTS, TEXT_COLUMNS
from tests.latex.regressions.variants import Draw, assert_same

pytestmark = pytest.mark.needs_tex
_DISPLAYS = {"align", "alignat", "flalign", "gather", "multline", "eqnarray", "equation", "displaymath", "math"}
_TABLES = sorted(name for name in ENVIRONMENTS if name.rstrip("*") not in _DISPLAYS and name != "spreadlines")
_ONE_COLUMN = {"gathered", "multlined", "lgathered", "rgathered", "subarray", "crampedsubarray"}
_ARGUMENTS = {"array": "{rl}", "alignedat": "{2}", "subarray": "{c}", "crampedsubarray": "{l}"}


def _table(draw: Draw, row_break: str, after: str) -> str:
    name = draw.choice(_TABLES)
    more = "" if name in _ONE_COLUMN else " & " + ("text" if name in TEXT_COLUMNS else draw.body())
    table = rf"\begin{{{name}}}{_ARGUMENTS.get(name, '')} {draw.body()}{more}{row_break}{after}{more}\end{{{name}}}"
    return draw.place(table, ["{} y", "a{}", r"\left({}\right)", r"\begin{{pmatrix}} {} & 2 \end{{pmatrix}}"])


def _star(draw: Draw) -> str:
    return _table(draw, r"\\" + draw.choice([" ", "\n", "% a comment\n", "*", " {}", r"\relax "]), f"* {draw.body()}")


def _bracket(draw: Draw) -> str:
    inside = draw.choice(["[u]", "[1]", "[2pt]", "[x, y]", "[ 9 pt ]"])
    between = draw.choice([" {}", r"\relax ", "{}", "{}", r"\relax", " {}"])
    return _table(draw, rf"\\{between}", f"{inside} {draw.body()}")


def _gap(draw: Draw) -> str:
    length = draw.choice(
        [r"\jot", r"2\jot", r"-.5\baselineskip", "-2pt", r" \arraycolsep ", " 1 ex", r"1.5 \parindent"]
    )
    return _table(draw, rf"\\{draw.choice(['', '*'])}[{length}]", draw.body())


def _gap_behind_space(draw: Draw) -> str:
    length = draw.choice(["9pt", "1 ex", "-2pt", ".5em"])
    return _table(draw, rf"\\{draw.choice([' ', '* ', '*', '', '% so'])}[{length}]".replace("so", "so\n"), draw.body())


def _other_names(draw: Draw) -> str:
    row_break = draw.choice([r"\cr", r"\tabularnewline", r"\tabularnewline "]) + draw.choice(
        ["[9pt]", "*", "*[1ex]", " [5pt]"]
    )
    name, argument = draw.choice([("array", "{c}"), ("matrix", ""), ("pmatrix", ""), ("cases", "")])
    return draw.place(
        rf"\begin{{{name}}}{argument}{draw.body()}{row_break}{draw.body()}\end{{{name}}}", ["{}", "x_{{ {} }}"]
    )


def _outside(draw: Draw) -> str:
    around = draw.choice(["{}", "{{{}}}", r"x_{{\substack{{{}}}}}", r"\crampedsubstack{{{}}}"])
    behind = draw.choice(["*x", "[2pt]x", " [2pt] x", " *", "*[1ex] x", "* [1ex] x", r"\relax[1ex]x", "{[}1ex]x"])
    return around.format(rf"{draw.body()}\\{behind}")


def _nested(draw: Draw) -> str:
    inner, outer = (
        draw.choice(["array}{c", "cases", "aligned"]),
        draw.choice(["matrix", "cases", "array}{c", "aligned"]),
    )
    rows = rf"{draw.body()}\\{draw.choice([' ', ''])}[{draw.choice(['5pt', '1ex'])}] {draw.body()}"
    end = {"array}{c": "array"}
    inside = rf"\begin{{{inner}}}{rows}\end{{{end.get(inner, inner)}}}"
    return rf"\begin{{{outer}}} x {inside} \\ y \end{{{end.get(outer, outer)}}} {draw.body()}"


@pytest.mark.parametrize("kind", [_star, _bracket, _gap, _gap_behind_space, _other_names, _outside, _nested])
def test_row_breaks_read_what_they_read_in_tex(kind: Callable[[Draw], str]) -> None:
    assert_same(kind)


def test_a_bracket_is_shielded_only_where_it_would_be_read() -> None:
    assert r"\lbrack" not in normalize(r"\begin{pmatrix}a\\ [b]\end{pmatrix}", NormalizerParams())
    assert r"\\ \lbrack" in normalize(r"\begin{array}{c}a\\\relax[b]\end{array}", NormalizerParams())


def _in_a_word(draw: Draw) -> str:
    table = _table(draw, rf"\\{draw.choice([' ', ' {}', '% so', '  '])}".replace("so", "so\n"), "[u] " + draw.body())
    around = [r"\text{{if ${}$. b}}", r"\mbox{{\small ${}$}}", r"\raisebox{{1pt}}{{${}$}}", r"\hbox{{${}$}}_2"]
    return draw.place(table.replace("% so\n", " "), around)


def test_brackets_stay_apart_from_breaks_in_texts() -> None:
    assert_same(_in_a_word, seed=31)
