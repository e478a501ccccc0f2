r"""Last rows of tables: nothing after the last `\\` is no row, and an empty row is one."""

from random import Random
from typing import Literal

import pytest

from im2latex.latex.normalizer import Normalizer, NormalizerParams
from tests.latex.regressions.same_image import assert_same_images

TABLES = [
    (r"\begin{array}{c}", r"\end{array}"),
    (r"\begin{matrix}", r"\end{matrix}"),
    (r"\begin{smallmatrix}", r"\end{smallmatrix}"),
    (r"\begin{cases}", r"\end{cases}"),
    (r"\begin{dcases*}", r"\end{dcases*}"),
    (r"\begin{aligned}", r"\end{aligned}"),
    (r"\begin{alignedat}{1}", r"\end{alignedat}"),
    (r"\begin{gathered}", r"\end{gathered}"),
    (r"\begin{multlined}", r"\end{multlined}"),
    (r"\begin{split}", r"\end{split}"),
    (r"\sum_{\begin{subarray}{c}", r"\end{subarray}}"),
    (r"\sum_{\substack{", "}}"),
    (r"\bordermatrix{1 & 2 \cr", "}"),
]
CELLS = [
    "",
    "{}",
    "{{}}",
    r"\relax",
    r"\rm",
    r"{\rm {}}",
    r"\ensuremath{}",
    r"\mathrm{}",
    r"\,",
    r"\mbox{}",
    "a",
    "{b}",
]
BREAKS = [r"\\", r"\\ ", r"\\*", r"\\[2pt]", r"\\[-1pt] "]


def _tables(seed: int, count: int) -> list[str]:
    random = Random(seed)
    formulas = []
    for number in range(count):
        begin, end = TABLES[number % len(TABLES)]
        breaks = [r"\cr "] if "border" in begin else BREAKS[:3] if "substack" in begin else BREAKS
        rows = "".join(random.choice(CELLS) + random.choice(breaks) for _ in range(random.randint(0, 3)))
        formulas.append(rf"\left( {begin} {rows}{random.choice(CELLS)} {end}{random.choice(['', '^i'])} \right) x")
    return formulas


@pytest.mark.needs_tex
def test_empty_rows_at_the_end_stay_and_no_others_come() -> None:
    assert_same_images(_tables(seed=0, count=150))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (r"\begin{matrix} a \\ \end{matrix}", r"\begin{matrix} a \end{matrix}"),
        (r"\begin{matrix} a \\ \\ \end{matrix}", r"\begin{matrix} a \\ \\ \end{matrix}"),
        (r"\begin{matrix} a \\ {{}} \end{matrix}", r"\begin{matrix} a \\ { } \end{matrix}"),
        (r"\begin{matrix} a \\ \label{x} \end{matrix}", r"\begin{matrix} a \\ { } \end{matrix}"),
        (r"\begin{gather} a \\ \label{x} \end{gather}", r"\begin{gathered} a \end{gathered}"),
        (r"\pmatrix{a \cr {b} \cr}", r"\begin{pmatrix} a \\ b \end{pmatrix}"),
        (r"\aligned a \\ b \\ \endaligned", r"\begin{aligned} a \\ b \end{aligned}"),
    ],
)
def test_last_rows(raw: str, expected: str) -> None:
    normalizer = Normalizer(NormalizerParams())
    assert normalizer.normalize(raw) == expected
    assert normalizer.normalize(expected) == expected


@pytest.mark.parametrize("profile", ["faithful", "compact"])
def test_normal_forms_are_left_alone(profile: Literal["faithful", "compact"]) -> None:
    normalizer = Normalizer(NormalizerParams(profile=profile))
    for formula in _tables(seed=1, count=400):
        normal = normalizer.normalize(formula)
        assert normalizer.normalize(normal) == normal
