"""The styles of the recipes: valid, with the shares that they promise, each drawn without regard to neighbours."""

import shutil
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from im2latex.config import check, load_yaml
from im2latex.errors import ToolError
from im2latex.rendering.fonts import RECOMMENDED
from im2latex.rendering.renderer import RenderParams, TexRenderer
from im2latex.rendering.styles import RenderStyle, StylesParams, all_styles, tex_render_params

RECIPES = Path("recipes")
MACROS = ("hat", "vec", "overline", "boldsymbol", "mathcal", "mathbb", "mathfrak", "mathsf", "mathtt", "mathit", "dot")
FORMULAS = [rf"\{name}{{{letter}}}_2" for name, letter in product(MACROS, "AR")] + [
    r"\int_0^\infty \frac{\sin x}{\sqrt{y}} \, dx \cdots",
    r"\text{if } \left\{ \sum_i \log a_i \right\} \ldots ,",
    r"\text{\sf a \tt b \it c \bf d \textsc{e}} \textnormal{\sf{}M} \mbox{\boldmath$X$} \textbf{\textit{u}}",
    r"\| x \| \parallel \lVert y \rVert \left| \frac{a}{b} \right\rangle \not\in \ell \wp \Re \imath",
    r"\bar{\textbf{u}} \widetilde{\text{\boldmath$X$}} \overbrace{x} \mathscr{A} \lesssim \square \mathring{x} \oint",
    r"\begin{pmatrix} a & b \\ c & d \end{pmatrix} = \begin{cases} \hbar & x \\ 1 & y \end{cases}",
]


def _styles(name: str) -> list[RenderStyle]:
    params = check(load_yaml(RECIPES / name)["render"]["styles"], StylesParams, name)
    return all_styles(RenderParams(), params)


USUAL, ALL = _styles("dataset/overrides.yaml"), _styles("styles/all.yaml")


@pytest.mark.parametrize("styles", [USUAL, ALL])
def test_a_fifth_each_is_drawn_as_the_benchmark_and_in_text_style(styles: list[RenderStyle]) -> None:
    total = sum(style.share for style in styles)
    assert sum(style.share for style in styles if _template(style, "sizes") == "latex") >= total / 5
    assert sum(style.share for style in styles if _template(style, "math_style") in ("textstyle", None)) >= total / 5
    assert len(styles) > 12


def _template(style: RenderStyle, key: str) -> object:
    """A setting of the TeX document; None for mathtext, which sets fractions in text style only."""
    return getattr(style.renderer.template, key) if isinstance(style.renderer, RenderParams) else None


def test_the_usual_styles_need_no_more_than_the_usual_set_up() -> None:
    usual = tex_render_params(USUAL)
    assert {renderer.template.fonts for renderer in usual} <= set(RECOMMENDED)
    assert "dvipng" not in {renderer.rasterizer for renderer in usual}


def _isolated(style: RenderStyle) -> None:
    assert isinstance(style.renderer, RenderParams)
    renderer = TexRenderer(style.renderer)
    together = renderer.render([*FORMULAS, r"\undefinedthing", r"\color{red} x", *FORMULAS[::-1]])
    first, second = together[: len(FORMULAS)], together[len(FORMULAS) + 2 :][::-1]
    alone = [renderer.render_one(formula) for formula in FORMULAS[::8]]
    for one, other in [*zip(first, second, strict=True), *zip(first[::8], alone, strict=True)]:
        assert one.pixels is not None, (style.name, one)
        assert other.pixels is not None, (style.name, other)
        assert np.array_equal(one.pixels, other.pixels), style.name


@pytest.mark.needs_tex
@pytest.mark.parametrize("style", USUAL[1 : len(tex_render_params(USUAL))], ids=lambda style: style.name)
def test_images_do_not_depend_on_neighbours(style: RenderStyle) -> None:
    _isolated(style)


@pytest.mark.needs_tex
@pytest.mark.slow
@pytest.mark.parametrize("style", ALL[1:], ids=lambda style: style.name)
def test_images_of_further_styles_do_not_depend_on_neighbours(style: RenderStyle) -> None:
    if (
        isinstance(style.renderer, RenderParams)
        and style.renderer.rasterizer == "dvipng"
        and shutil.which("dvipng") is None
    ):
        pytest.skip("dvipng not installed; make styles brings it")
    try:
        _isolated(style)
    except ToolError as error:
        if "make styles" not in str(error):
            raise
        pytest.skip(str(error))
