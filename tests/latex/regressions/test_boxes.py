"""TeX's boxes, rules and glue with their keywords: kept, or rejected with a reason; never printed as text."""

from itertools import product

import pytest

from im2latex.errors import LatexError
from im2latex.latex.parser.parse import parse
from tests.latex.regressions.same_image import assert_accepted, assert_same_images

BOXES = [r"\hbox", r"\vbox", r"\vtop", r"\vcenter"]
SIZES = ["to 2cm", " to 1.5 em", "to2cm", " spread 2pt", "spread-1pt ", " TO 1cm"]
RULES = [
    "width 2pt",
    "height 3 pt",
    "depth 1pt",
    "width 2pt height 3pt depth 1pt",
    "height 1em width .4 pt",
    "width=2pt",
    "",
    "width 2pt width 5pt",
    " Width 1 mm",
    "height 0.5em depth -1pt width 1pt",
]
GLUE = [
    "2pt",
    "1 em",
    "2pt plus 1pt",
    "2pt plus 1fil",
    "1em plus 1 fill minus 1fil",
    "2pt minus 1 pt",
    "-1.5 em plus 1 pt",
    "0pt plus 1filll",
    "1em plus 2pt minus .5pt",
    "3 true pt",
    "1,5pt",
    ".5em",
    "+2pt",
    "- -2pt",
    "1PT",
]


@pytest.mark.needs_tex
def test_boxes_of_a_given_size_are_refused_or_kept() -> None:
    formulas = [rf"a {box} {size}{{b\hfil c}} d" for box, size in product(BOXES, SIZES)]
    formulas += [rf"\text{{a {box} {size}{{b\hfil c}}}}" for box, size in product(BOXES, SIZES)]
    formulas += [
        rf"a {lift} 2pt{box} {size}{{b}}" for lift, box, size in product([r"\raise", r"\lower"], BOXES, SIZES[:2])
    ]
    formulas += [rf"\mathop{{\vcenter{{\hbox{{a}}}}}} {move} 2pt\hbox{{b}}" for move in (r"\moveleft", r"\moveright")]
    assert_same_images(formulas)


@pytest.mark.parametrize(("box", "size"), list(product(BOXES, SIZES)))
def test_the_refusal_names_the_box_and_its_place(box: str, size: str) -> None:
    with pytest.raises(LatexError) as caught:
        parse(rf"ab {box} {size}{{c}}")
    assert caught.value.reason == ("not_allowed" if box in (r"\vbox", r"\vtop") else "forbidden_command")
    assert caught.value.position is not None
    assert caught.value.position >= 3


@pytest.mark.needs_tex
def test_rules_keep_their_keywords() -> None:
    spaced = [
        rf"a\vrule{gap}{rule}{end}" for rule in RULES for gap in (" ", "\n") for end in (r"\, b", "{}c", r" \alpha")
    ]
    lifted = [rf"x {lift} {size}\hbox{{y}}^2" for lift in (r"\raise", r"\lower") for size in ("2pt", "-1 ex", ".5 em")]
    ruled = [rf"a \rule{size} b" for size in ("{2pt}{3pt}", "[1 pt]{2 pt}{ 3pt}", "[-1pt] {1 em} {.4pt}")]
    assert_accepted(spaced + lifted + ruled)


@pytest.mark.needs_tex
def test_glue_keeps_what_stretches_it() -> None:
    maths = [rf"a \hskip {glue} {then}" for glue in GLUE for then in ("b", "2", r"\beta", "l", "plus")]
    mu = [rf"a \mskip {glue.replace('pt', 'mu').replace('em', 'mu').lower()} b" for glue in GLUE]
    in_text = [
        rf"\text{{a\hskip {glue}{then} c}}" for glue in GLUE for then in (" b", "{}plus", r"\relax minus", "{}l")
    ]
    assert_accepted(maths + [formula for formula in mu if "true" not in formula] + in_text)


LETTERS = [
    r"\text{d}",
    r"\mbox{f}",
    r"\hbox{p}",
    r"\textbf{d}",
    r"\mathrm{\text{d}}",
    r"{\mbox{g}}",
    r"\text d",
    r"\mathit{\mbox{d}}",
]
OPERATORS = [
    r"\mathop{{{}}}_i",
    r"\mathop{{{}}}\limits^i",
    r"\mathop {{ {} }}",
    r"\underset{{n}}{{{}}}",
    r"\overset{{\mbox{{a}}}}{{{}}}",
    r"\stackrel{{\mbox{{a}}}}{{{}}}_2",
    r"\overunderset{{a}}{{b}}{{{}}}",
]


@pytest.mark.needs_tex
def test_a_letter_in_a_box_is_no_symbol_to_an_operator() -> None:
    assert_accepted([f"x {operator.format(letter)} y" for operator, letter in product(OPERATORS, LETTERS)])


CONTENTS = ["a", r"$\scriptstyle a$", "", "b c.  d", r"$\sum_i$ x", r"\small $<$", r"$\vcenter{\hbox{b}}$"]
AROUND = [
    "{}",
    r"\mathrel{{{}}}=",
    "x^{{{}}}",
    "{{{}}}_2",
    r"\frac{{{}}}{{2}}",
    r"\begin{{array}}{{c@{{{}}}c}} a & b \end{{array}}",
]


@pytest.mark.needs_tex
def test_centred_boxes_are_kept() -> None:
    boxes = [
        rf"\vcenter{before}{{{space}\hbox{space}{{{first}}}{space}\hbox{{{second}}}}}"
        for first, second in product(CONTENTS, CONTENTS[:3])
        for before, space in (("", ""), (" ", " "), ("", "% so\n"))
    ]
    assert_accepted([AROUND[number % len(AROUND)].format(box) + "y" for number, box in enumerate(boxes)])


@pytest.mark.parametrize("command", [r"\noalign\hrule", r"\noalign x", r"\noalign\frac", r"\noalign\alpha\beta"])
def test_space_between_rows_is_in_braces(command: str) -> None:
    with pytest.raises(LatexError) as caught:
        parse(rf"\begin{{array}}{{c}} a \\ {command} {{b}} \end{{array}}")
    assert caught.value.reason == "forbidden_command"


@pytest.mark.parametrize(
    "content", ["a", "$a$", r"\mbox{a}", r"\hbox{a} b", r"{\hbox{a}}", r"\hbox to 1cm{a}", r"\vskip 1pt"]
)
def test_a_centred_paragraph_is_refused(content: str) -> None:
    with pytest.raises(LatexError) as caught:
        parse(rf"x \vcenter{{{content}}}")
    assert caught.value.reason == ("not_allowed" if content == r"\vskip 1pt" else "forbidden_command")
