"""Colors next to scripts: a color ends after its group, and no script moves across that end."""

from random import Random

import pytest

from tests.latex.regressions.same_image import assert_accepted

COLOURED = [
    r"\color{red}b",
    r"\color{red} b+c",
    r"{\color{red}b}",
    r"{{\color{blue} f}}",
    r"\textcolor{red}{b}",
    r"\color{red} a \over b",
    r"{\color{red} a \over b}",
    r"\color[gray]{.5}\sum_i",
    r"b\color{red}",
]
PLAIN = ["f", "2", r"\sum", r"\int", r"\mathop{X}", r"\left(x\right)", r"\hat{f}", "{a+b}", r"\int\limits", "f'"]
TEMPLATES = [
    "{0}_{{{1}}}^{{{2}}} d",
    "{0}^{{{1}}}_{{{2}}} d",
    "{{{1}}}_{{{2}}} d",
    "{{{1}}}^n_{{{2}}} d",
    "{0}_{{{1}}}^c d",
    "{0}^{{{1}}}_c d",
    r"\frac{{{1}}}{{{0}}}_{{{2}}}",
    r"\left( {1} \right)_{{{2}}} {0}",
    r"\begin{{array}}{{c}} {{{1}}}_2 & \\ {0}_{{{2}}} \end{{array}}".replace(" & ", " "),
    r"\overline{{{1}}}_{{{2}}} {0}",
    r"\mathop{{{1}}}_{{{2}}} {0}",
    r"\sqrt{{{1}}}^{{{2}}} {0}",
]


@pytest.mark.needs_tex
def test_scripts_stay_where_colours_end() -> None:
    random = Random(0)
    formulas = [
        template.format(random.choice(PLAIN), random.choice(COLOURED), random.choice([*COLOURED, "c"]))
        for template in TEMPLATES
        for _ in range(14)
    ]
    primed = [rf"{plain}'_{{{colour}}} d" for plain in PLAIN[:4] for colour in COLOURED]
    assert_accepted(formulas + primed + [rf"{plain}_{{{colour}}}' d" for plain in PLAIN[:4] for colour in COLOURED])
