"""Commands and environments that amsmath, amssymb, mathtools, xcolor and LaTeX document for mathematics."""

from collections.abc import Callable

import pytest

from im2latex.errors import LatexError
from im2latex.latex.normalizer import NormalizerParams, normalize
from tests.latex.regressions.variants import Draw, assert_same

pytestmark = pytest.mark.needs_tex
_WORDS = ["if $x>0$", "else", "otherwise, $y_1$", "and ", r"\quad so", r"$\sum_i$ of it.", "for {any} $x$"]


def _text_columns(draw: Draw) -> str:
    name = draw.choice(["cases*", "dcases*", "rcases*", "drcases*"])
    lines = [
        rf"{draw.body()}{draw.choice(['', ' '])}&{draw.choice(['', ' '])}{draw.choice(_WORDS)}{draw.choice(['', ' '])}"
        for _ in range(draw.choice([1, 2, 3]))
    ]
    rows = draw.choice([r"\\", r"\\ ", r"\\[2pt]", r"\\*"]).join(lines)
    return draw.place(
        rf"\begin{{{name}}} {rows}\end{{{name}}}", ["{} y", "x={}", "x_{{ {} }}", r"\frac{{ {} }}{{2}} z"]
    )


def _bordered(draw: Draw) -> str:
    rows = draw.choice([r"\cr ", r"\crcr "]).join(f"{draw.body()} & {draw.body()} & 1" for _ in range(3))
    return draw.place(rf"\bordermatrix{{ & a & b \cr {rows}{draw.choice(['', chr(92) + 'cr '])}}}", ["{}", "A={} ."])


def _adjusted(draw: Draw) -> str:
    first, second = (
        draw.choice([r"\lim", r"\max", r"\inf", r"{\sum}", r"\sup", r"{\operatorname*{lim}}"]) for _ in "ab"
    )
    part = rf"\adjustlimits{first}_{{{draw.body()}}} {second}_{draw.choice(['p', '{p^2}', '{n, m}'])} x"
    return draw.place(part, ["{}", "a {}", r"\left( {} \right)"])


def _between_rows(draw: Draw) -> str:
    space = draw.choice(
        [r"\vskip 2pt", r"\vskip-.5ex", r"\kern 3 pt", r"\vskip\jot", r"\hrule", r"\smallskip", r"\bigskip"]
    )
    name, argument = draw.choice([("matrix", ""), ("array", "{cc}"), ("aligned", ""), ("cases", ""), ("pmatrix", "")])
    part = rf"\begin{{{name}}}{argument} {draw.body()} & 1 \\ \noalign{{{space}}} {draw.body()} & 2 \end{{{name}}}"
    return draw.place(part, ["{}", "x {}", r"\sqrt{{ {} }}"])


def _length(draw: Draw) -> str:
    register = draw.choice(
        [r"\jot", r"\parindent", r"\arraycolsep", r"\medskipamount", r"\fboxsep", r"\textwidth", r"\baselineskip"]
    )
    factor = draw.choice(["", "-", "2", ".05", "-.1"])
    if register == r"\textwidth":
        factor = ".1"
    form = draw.choice([r"\hskip{} x", r"\kern{} x", r"\hspace{{{}}}x", r"\raise{}\hbox{{a}}", r"\rule{{{}}}{{1pt}}"])
    return draw.place("a" + form.format(factor + register) + " b")


def _coloured(draw: Draw) -> str:
    model, colour = draw.choice(
        [("", "red"), ("[rgb]", "1, 0, 0.5"), ("", "blue!40"), ("[gray]", ".5"), ("", "red!20!green")]
    )
    part = draw.choice([draw.body(), "+", r"\sum_i", "=", "x"])
    return draw.place(rf"a\mathcolor{draw.space()}{model}{{{colour}}}{{{part}}} b")


def _mathtools(draw: Draw) -> str:
    body = draw.body()
    part = draw.choice(
        [
            rf"\crampedsubstack{{ {body} \\ b }}",
            rf"\xmathstrut[{draw.choice(['.1', '0.5'])}]{{.2}} {body}",
            rf"\LaTeXoverbrace{{ {body} }}^n",
            rf"\LaTeXunderbrace{{ {body} }}_n",
            rf"\mathmbox{{ {body} }}",
            rf"\xlongrightarrow[{body}]{{abc}}",
            rf"\xlongleftarrow{{ {body} }}",
            rf"a \nuparrow {body} \ndownarrow",
            rf"a \colondash {body} \Colondash",
            rf"\TextOrMath{{text}}{{ {body} }}",
            rf"\sqrt[\leftroot{{-2}}\uproot{{{draw.choice('123')}}} {body}]{{x}}",
            rf"\sqrtsign{{ {body} }}",
            rf"\oldstylenums{{123}} {body}",
            rf"\shortstack[l]{{a\\ b c}} {body}",
        ]
    )
    return draw.place(f"x {part}", ["{}", "a {}", r"\left( {} \right)", r"\frac{{ {} }}{{2}}", "x_{{ {} }}"])


def _in_displays(draw: Draw) -> str:
    line = draw.choice(
        [
            r"\MoveEqLeft x+y \\ & = {}",
            r"\MoveEqLeft[3] x+y \\ & = {}",
            r"x &= {} \\ \shortvdotswithin{{=}} &= y",
            r"x &= {} \\ \shortvdotswithin*{{=}} &= y",
            r"x &= {} \\ & \vdotswithin{{=}} \\ &= y",
            r"x &= {} \\ \ArrowBetweenLines[\Downarrow] &= y",
            r"\allowdisplaybreaks x &= {} \\ &= y",
        ]
    )
    if draw.random() < 0.3:
        rows = rf"\shoveleft{draw.choice(['', '[1cm]'])}{{ {draw.body()} }} \\ y+z \\ \shoveright{{ {draw.body()} }}"
        return rf"\begin{{multlined}} {rows} \end{{multlined}}{draw.choice(['', ' w'])}"
    rows = line.format(draw.body())
    aligned = rf"\begin{{aligned}} {rows} \end{{aligned}}"
    return rf"x \begin{{spreadlines}}{{{draw.choice(['1 ex', '9pt'])}}} {aligned} \end{{spreadlines}}"


@pytest.mark.parametrize(
    "kind",
    [_text_columns, _bordered, _adjusted, _between_rows, _length, _coloured, _mathtools, _in_displays],
)
def test_what_prints_is_accepted(kind: Callable[[Draw], str]) -> None:
    assert_same(kind)


@pytest.mark.parametrize("inside", [r"\bigskip\bigskip x", r"\vskip 2pt x", r"\hbox{x}", r"\hrule height 2pt"])
def test_only_space_and_rules_are_allowed_between_rows(inside: str) -> None:
    with pytest.raises(LatexError) as refusal:
        normalize(rf"\begin{{matrix}} a \\ \noalign{{{inside}}} b \end{{matrix}}", NormalizerParams())
    assert refusal.value.reason == "forbidden_command"
