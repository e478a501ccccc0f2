"""Options and letters that macros compare literally."""

from collections.abc import Callable

import pytest

from im2latex.errors import LatexError
from im2latex.latex.normalizer import NormalizerParams, normalize
from tests.latex.regressions.variants import Draw, assert_same

pytestmark = pytest.mark.needs_tex
_STYLES = [r"\displaystyle", r"\textstyle", r"\scriptstyle", r"\scriptscriptstyle"]
_BOXED = ["lorem", "a", "if $x$", "12"]


def _keyword(draw: Draw) -> str:
    name, words = draw.choice(
        [
            (r"\smash", ["t", "b", "tb"]),
            (r"\cfrac", ["l", "r", "c"]),
            (r"\cramped", _STYLES),
            *((f"\\{cramped}{side}lap", _STYLES) for cramped in ("math", "cramped") for side in "lrc"),
        ]
    )
    word = draw.choice(words)
    body = draw.choice(["x^2", r"\frac{y}{3}", "b_j", draw.body()])
    second = f"{{2+{draw.body()}}}" if name == r"\cfrac" else ""
    option = draw.choice(["", f"[{word}]", f"[{word}]", f"[{{{word}}}]"])
    return draw.place(f"y{name}{draw.space()}{option}{draw.space()}{{{body}}}{second}z")


def _smash_operator(draw: Draw) -> str:
    operator = draw.choice([r"\sum", r"\prod", r"\bigcup", r"\int"])
    side = draw.choice(["", "[l]", "[r]", "[lr]", "[rl]"])
    above = draw.choice(["", "^{n}", "^{abcdef}"])
    return draw.place(rf"a\smashoperator{draw.space()}{side}{{{operator}_{{1\le i\le j\le n}}{above}}} x")


def _box(draw: Draw) -> str:
    width, side, text = draw.choice(["1cm", "2 em", "30pt", ".5in"]), draw.choice("lcrs"), draw.choice(_BOXED)
    if draw.random() < 0.3:
        return draw.place(rf"y\mathmakebox{draw.space()}[{width}]{draw.choice(['', f'[{side}]'])}{{{draw.body()}}}z")
    if draw.random() < 0.3:
        sizes = draw.choice(["", "[0pt]", "[0pt][0pt]", "[ 9pt ][1ex]"])
        return draw.place(rf"y\raisebox{{{draw.choice(['2pt', '-1ex'])}}}{sizes}{{{text}}}z")
    name = draw.choice([r"\makebox", r"\framebox"])
    return draw.place(f"y{name}{draw.space()}{draw.choice(['', f'[{width}]', f'[{width}][{side}]'])}{{{text}}}z")


def _bracket(draw: Draw) -> str:
    sizes = draw.choice(["", "[1pt]", "[.5pt][3pt]", "[1pt] [ 2pt ]"])
    label = draw.choice(["", "_{n}", "^2"])
    name = draw.choice([r"\underbracket", r"\overbracket"])
    return draw.place(rf"{name}{sizes}{{{draw.body()}}}{label}")


def _paragraph(draw: Draw) -> str:
    position = draw.choice(["", "[t]", "[b]", "[t][2cm]", "[c][2cm][b]"])
    words = " ".join(draw.choices(["lorem", "ipsum", "dolor.", "a", "$x=1$", "sit"], k=6))
    return draw.place(
        rf"a\parbox{position}{{{draw.choice(['1.5cm', '60pt'])}}}{{{words}}}b", ["{}", r"\frac{{{}}}{{2}}"]
    )


def _subarray(draw: Draw) -> str:
    rows = r"\\".join(draw.choice(["i", "0<j<n", "abc", "k_1"]) for _ in range(draw.choice([2, 3])))
    name = draw.choice(["subarray", "crampedsubarray"])
    letter = draw.choice(["{c}", "{l}", "{r}", "{ c}", " {c}", "c "])
    operator = draw.choice([r"\sum", r"\bigcap", "x"])
    return draw.place(rf"{operator}_{{\begin{{{name}}}{letter} {rows} \end{{{name}}}}} y")


def _placement(draw: Draw) -> str:
    name = draw.choice(["array", "aligned", "alignedat", "gathered", "multlined", "lgathered", "rgathered"])
    argument = {"array": "{c}", "alignedat": "{1}"}.get(name, "")
    option = draw.choice(["", "[t]", "[b]", "[c]", " [t]", "[ t]", "%\n[t]"])
    if name == "array" and draw.random() < 0.3:
        option = draw.choice(["[ t ]", "[x]", "[ b]"])
    if name == "multlined":
        option = draw.choice(["", "[t]", "[b][3cm]", "[4cm]", "[5cm][t]", "[c][ 2cm ]", "[.3\\textwidth]", "[t] [3cm]"])
    rows = r"\\ ".join(draw.body() for _ in range(3))
    return draw.place(rf"x\begin{{{name}}}{option}{argument} {rows} \end{{{name}}}y", ["{}", r"\left[{}\right)"])


def _columns(draw: Draw) -> str:
    name = draw.choice(["", "p", "b", "B", "v", "V"]) + draw.choice(["", "small"]) + "matrix*"
    option = draw.choice(["", "[l]", "[r]", "[c]", "[ r ]", " [r]"])
    rows = r"\\ ".join(f"{draw.body()} & {draw.choice(['-1', '20', '300'])}" for _ in range(2))
    return draw.place(rf"\begin{{{name}}}{option} {rows} \end{{{name}}}", ["{}", "x_{{ {} }}", "a{} b"])


def _generalized(draw: Draw) -> str:
    left, right = draw.choice([("", ""), ("(", ")"), ("[", "."), (r"\{", r"\}"), ("|", "|")])
    rule, style = draw.choice(["", "0pt", "1 pt"]), draw.choice(["", "0", "1", "2", "3"])
    body = draw.choice([r"\mbox{ab}", r"\sum\nolimits_i x", r"\sum_i", draw.body()])
    return draw.place(rf"\genfrac{{{left}}}{{{right}}}{{{rule}}}{{{style}}}{{{body}}}{{{draw.body()}}}")


@pytest.mark.parametrize(
    "kind",
    [_keyword, _smash_operator, _box, _bracket, _paragraph, _subarray, _placement, _columns, _generalized],
)
def test_options_keep_their_effect(kind: Callable[[Draw], str]) -> None:
    assert_same(kind)


@pytest.mark.parametrize(
    "formula",
    [
        r"\smash[ b ]{x}",
        r"\cfrac[ l]{1}{2}",
        r"\cramped[ \scriptstyle]{x}",
        r"\makebox[1cm][ r ]{x}",
        r"\smash[\alpha]{x}",
    ],
)
def test_a_keyword_with_spaces_is_another_keyword(formula: str) -> None:
    with pytest.raises(LatexError) as refusal:
        normalize(formula, NormalizerParams())
    assert refusal.value.reason == "bad_option"


def test_an_option_is_part_of_the_token() -> None:
    assert r"\smash[b]" in normalize(r"\smash [b] {x}", NormalizerParams()).split()
    assert r"\begin{subarray}{c}" in normalize(r"\begin{subarray}{c}a\end{subarray}", NormalizerParams()).split()
    assert (
        r"\begin{multlined}[c][1cm]"
        in normalize(r"\begin{multlined}[c][1 cm]a\end{multlined}", NormalizerParams()).split()
    )
