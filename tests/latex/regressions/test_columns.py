"""Content of `@{...}` between columns, with spaces and keywords."""

from random import Random

import pytest

from tests.latex.regressions.same_image import assert_accepted

INSERTED = [
    r"\ =\ ",
    r"\ ",
    r"\ \ ",
    r"\quad\to\ ",
    r"\text{ if }",
    r"\text{ a b. c }",
    r"\mbox{ is }\ ",
    r" : ",
    "=",
    r"\in A",
    r"\hspace{1 cm}",
    r"\hspace{ 5 mm }",
    r"\hskip 1 em plus 2 pt",
    r"\hskip 1em\relax",
    r"\kern 3 pt",
    r"\mkern 9mu",
    r"\vrule width 2pt",
    r"\vrule width 2 pt\ ",
    r"\,\vrule width 1pt\,",
    r"\vrule",
    r"\rule{2 pt}{1 em}",
    r"\!",
    r"\ne ",
    r"\;\cdot\;",
    r"{}",
    r"\frac{1}{2}",
    r"x^2_i",
    r"\alpha b",
    r"\mathrm{d} x",
    r"\textbf{or} ",
    r"\hat x ",
    r"~",
    r",\ ",
    r"\quad\hbox{and}\quad",
    r"\raise 2pt\hbox{ x }",
    r"\big| ",
    r"\left( x \right) ",
]
COLUMNS = ["l", "c", "r", "|c", "c|"]


def _arrays(seed: int, count: int) -> list[str]:
    random = Random(seed)
    formulas = []
    for number in range(count):
        inserted = INSERTED[number % len(INSERTED)] + (random.choice(INSERTED) if number >= len(INSERTED) else "")
        left, right = random.choices(COLUMNS, k=2)
        space = random.choice(["", " ", "\n"])
        columns = f"{left}{space}@{space}{{{inserted}}}{space}{right}"
        if random.random() < 0.2:
            columns = rf"*{{2}}{{{columns}}}@{{{random.choice(INSERTED)}}}l"
        cells = " & ".join(random.choices(["a", "x^2", "1", "", r"\frac{a}{b}"], k=2))
        formulas.append(rf"\begin{{array}}{{{columns}}} {cells} \\ b & c \end{{array}}")
    return formulas + [
        rf"\begin{{array}}{{lr}} \multicolumn{{2}}{{c@{{{i}}}}}{{a}} \\ b & c \end{{array}}" for i in INSERTED
    ]


@pytest.mark.needs_tex
def test_insertions_keep_their_spaces_and_keywords() -> None:
    assert_accepted(_arrays(seed=0, count=120))
