r"""A document that loads amsmath and takes the kernel's definitions back, beside one that never loaded it."""

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
import pytest

from im2latex.rendering.document import TemplateParams
from im2latex.rendering.renderer import RenderParams, TexRenderer

pytestmark = pytest.mark.needs_tex
ACCENTS = (
    "acute",
    "bar",
    "breve",
    "check",
    "ddot",
    "dot",
    "grave",
    "hat",
    "mathring",
    "tilde",
    "vec",
    "widehat",
    "widetilde",
)
WIDE = ("overbrace", "underbrace", "overleftarrow", "overrightarrow", "overline", "sqrt")
SYMBOLS = (
    *(
        "cdots",
        "ldots",
        "dots",
        "colon",
        "bmod",
        "hbar",
        "angle",
        "doteq",
        "rightleftharpoons",
        "longrightarrow",
        "iff",
    ),
    *("sum", "int", "prod", "oint", "bigcup", "lim", "limsup", "det", "gcd", "sin", "in", "leq", "infty", "mapsto"),
)
PLACES = (r"a%s b", r"(a,%s )", r"x_{%s }", r"\left(%s \right)", r"%s, x", r"{\bf %s}", r"\frac{%s 2}{3}")
MATRICES = (
    (r"\matrix{a&b\cr c&d_1}", r"\begin{matrix} a&b\\ c&d_1 \end{matrix}"),
    (r"\pmatrix{\sum_i a&b\cr c&d\cr}", r"\begin{pmatrix} \sum_i a&b\\ c&d\\ \end{pmatrix}"),
    (r"\left[\matrix{1&2&3}\right]^{-1}", r"\begin{bmatrix} 1&2&3 \end{bmatrix}^{-1}"),
    (
        r"\left|\matrix{\pmatrix{a&b}&{x\over y}\cr 1&2}\right|",
        r"\begin{vmatrix} \begin{pmatrix} a&b \end{pmatrix}&{x\over y}\\ 1&2 \end{vmatrix}",
    ),
    (r"\cases{a&\cr b+\frac12&\cr}", r"\begin{cases} a&\\ b+\frac12&\\ \end{cases}"),
    (r"\cases{a&b\cr c&d}", r"\begin{cases} a&\mbox{b}\\ c&\mbox{d} \end{cases}"),
)


def _formulas() -> Iterator[str]:
    for accent, inner in product(ACCENTS, ("a", "A_1", "f", r"\alpha", r"\hat{f}", r"\vec{x}", r"{\bf x}", "ab")):
        yield rf"\{accent}{{{inner}}}^2"
    for name, inner in product(WIDE, ("a", "x+y", r"\frac{a}{b}", r"\bar{A}", "abcdefgh")):
        yield rf"\{name}{{{inner}}}"
        yield rf"y_{{\{name}{{{inner}}}}}"
    for size, delimiter in product(("big", "Big", "bigg", "Bigg"), ("(", "|", "/", r"\{", r"\langle ")):
        yield rf"\{size}l{delimiter} \frac ab \{size}r{delimiter} + \{size}m| x"
    for symbol, place in product(SYMBOLS, PLACES):
        yield place % f"\\{symbol}"
    yield from (
        r"a\pmod{3}",
        r"x_{\pmod{3}}",
        r"\sqrt[n]{\frac ab}",
        r"\sqrt[3]{x}",
        r"\left\{\frac{\frac ab}{c}\right.",
    )


def _drawn(template: TemplateParams, formulas: Sequence[str]) -> list[bytes | None]:
    drawn = TexRenderer(RenderParams(template=template, rasterizer="pdfium")).render(formulas)
    return [None if one.pixels is None else bytes(np.array(one.pixels.shape)) + one.pixels.tobytes() for one in drawn]


@pytest.mark.parametrize("size", ["10pt", "12pt"])
def test_images_are_those_of_a_document_without_amsmath(size: str) -> None:
    formulas = list(_formulas())
    pairs = [(formula, formula) for formula in formulas] + list(MATRICES)
    plain = TemplateParams(class_options=size, packages=(), definitions=False)
    kept = TemplateParams(class_options=size, sizes="latex")
    wanted = _drawn(plain, [old for old, _ in pairs])
    found = _drawn(kept, [new for _, new in pairs])
    assert [old for (old, _), one in zip(pairs, wanted, strict=True) if one is None] == []
    assert [pair for pair, one, other in zip(pairs, wanted, found, strict=True) if one != other] == []
    usual = _drawn(TemplateParams(class_options=size), formulas)
    assert sum(one != other for one, other in zip(wanted, usual, strict=False)) > 50


def test_commands_of_amsmath_still_work() -> None:
    formulas = [
        r"\begin{aligned} a &= b \\ c &= \text{if } d \end{aligned}",
        r"\binom{n}{k} \dotsc \iint \operatorname{Tr} \substack{a \\ b}",
        r"\begin{bmatrix} a & b \\[3pt] c & \hdotsfor{1} \\ \hline e & f \end{bmatrix}",
        r"\begin{smallmatrix} a \\ b \end{smallmatrix} \tfrac{1}{2} \boldsymbol{\alpha} \mathbb{R}",
        r"\begin{pmatrix*}[r] -1 \\ 2 \end{pmatrix*}",
    ]
    drawn = TexRenderer(RenderParams(template=TemplateParams(sizes="latex"), rasterizer="pdfium")).render(formulas)
    assert [(one.reason, one.detail) for one in drawn] == [(None, "")] * len(formulas)


def test_wide_formulas_are_squeezed_to_the_line_and_no_others() -> None:
    narrow, wide = "a = b", " + ".join(["a"] * 22)
    parts = r"\left( " + wide + r" \right)"
    sizes = {}
    for line in (None, "390pt"):
        template = TemplateParams(line_width=line)
        drawn = TexRenderer(RenderParams(template=template, rasterizer="pdfium")).render([narrow, wide, parts])
        sizes[line] = [None if one.pixels is None else one.pixels.shape[1] for one in drawn]
    (narrow_as_is, wide_as_is, parts_as_is), (narrow_now, wide_now, parts_now) = sizes[None], sizes["390pt"]
    assert narrow_now == narrow_as_is
    assert wide_as_is is not None
    assert wide_now is not None
    assert wide_now < wide_as_is
    assert abs(wide_now - 390 * 200 / 72.27) < 12  # the ink of letters at the ends is narrower than their boxes
    assert parts_now == parts_as_is  # what \left and \right hold is a box that cannot shrink
