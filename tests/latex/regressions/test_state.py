r"""Numbers, character codes in `\operatorname`, and colors that outlast a part of a fraction."""

from itertools import product

import pytest

from tests.latex.regressions.same_image import assert_accepted

NUMBERS = [
    "65 7",
    "65",
    "`A B",
    r"`\A 7",
    r"`\{ x",
    '"41 1',
    '"41F',
    "'101 1",
    "65{}7",
    "65\n7",
    "65%\n7",
    "=65 1",
    " 66 ",
    "92 1",
]
NAMES = [
    "f'",
    "f''",
    "a-b",
    "a*b",
    "a.b",
    "a/b",
    "a:b",
    "f^*",
    "f^'",
    "f'_i",
    "{.}a",
    "a{.}b",
    "a{-}b",
    r"arg\,max",
    r"a\ast b",
    "'x",
    r"\mathbf{f'}",
    "x_{i'}",
    r"\text{f'}",
    "a*{b*}",
    r"\textbf{a}-",
    r"a\mathop{:}b",
    "Spec'",
    "d.f.",
    r"\rm Tr'",
    "a',b'",
]
COLOURS = [
    r"\color{red}",
    r"\color[rgb]{1,0,0}",
    r"\color{red}\bf",
    r"\bf\color{red}",
    r"x\color{red}",
    r"\color{red}\color{blue}",
]
INFIX = [
    r"\over",
    r"\atop",
    r"\choose",
    r"\brack",
    r"\brace",
    r"\above 2pt",
    r"\overwithdelims()",
    r"\atopwithdelims[]",
]
PLACES = [
    "{%s}",
    "x+{%s}y",
    r"\frac{%s}{c}",
    r"\left(%s\right)",
    r"\begin{matrix} %s & c \end{matrix}",
    "%s",
    "x^{%s}",
    r"{\rm %s}z",
    r"\sqrt{%s}",
    r"\begin{array}{c} {%s} \\ c \end{array}",
    "{{%s}}",
    r"\textcolor{blue}{%s}x",
]


@pytest.mark.needs_tex
def test_a_number_ends_at_a_space() -> None:
    characters = [rf"x \char{number} y" for number in NUMBERS]
    symbols = [
        rf"a \mathchar{n} b" for n in ('"2203', '"220 3', "365 2", "8707", '"220{3}', "'21003 1", '"2203%\n4', "8 707")
    ]
    others = [
        r'\mathaccent"705E x',
        r'\mathaccent"70 5E',
        r'\radical"270370 {x}',
        r'\radical"270370 x',
        r'\delimiter"4266308 a',
    ]
    lengths = [
        rf"a {skip} {length} b"
        for skip, length in product([r"\kern", r"\hskip"], ["1 pt 2", "1pt2", "1.5 em 7", "2 mm"])
    ]
    assert_accepted(characters + symbols + others + lengths)


@pytest.mark.needs_tex
def test_the_name_of_an_operator_keeps_its_characters() -> None:
    commands = [r"\operatorname", r"\operatorname*", r"\operatornamewithlimits"]
    assert_accepted([rf"{command}{{{name}}}_x^2(y')" for command, name in product(commands, NAMES)])


@pytest.mark.needs_tex
def test_a_colour_above_the_bar_holds_to_the_end_of_its_group() -> None:
    formulas = []
    for number, (colour, infix) in enumerate(product(COLOURS, INFIX)):
        for place in PLACES[number % 3 :: 3]:
            formulas.append(place % f"{colour} a {infix} b")
    formulas += [place % rf"a {infix} \color{{red}} b" for place, infix in product(PLACES, INFIX[:3])]
    assert_accepted(formulas)


@pytest.mark.needs_tex
def test_a_colour_stays_where_it_was_switched_on() -> None:
    colours = [r"\color{red}", r"\textcolor{red}{x}", r"{\color{red}x}", r"\color{blue}y\color{red}"]
    places = [
        r"%s\left(a\right)b",
        r"\left(%s a\right)b",
        r"x%s^2",
        r"x_{%s a}b",
        r"\frac{%s a}{b}c",
        r"{\rm a%s b \it c}d",
        r"\begin{matrix}%s a & b \\ c & d\end{matrix}",
        r"\sqrt{%s a}b",
        r"\text{a %s b}c",
        r"\mathbf{%s a}b",
        r"{\bf %s a}b",
        r"\hat{%s a}b",
        r"\sum%s_i x",
        r"a%s",
        r"\ensuremath{%s a}b",
        r"{{%s a}}b",
    ]
    assert_accepted([place % colour for place, colour in product(places, colours)])
