"""The looks of the recipes: valid, with the shares that they promise, each drawn without regard to neighbours."""

import shutil
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from im2latex.errors import ToolError
from im2latex.params import check, load_yaml
from im2latex.rendering.engine import RenderParams, TexRenderer
from im2latex.rendering.fonts import RECOMMENDED
from im2latex.rendering.looks import Look, LooksParams, all_looks, tex_renderers

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


def _looks(name: str) -> list[Look]:
    params = check(load_yaml(RECIPES / name)["render"]["looks"], LooksParams, name)
    return all_looks(RenderParams(), params)


USUAL, ALL = _looks("dataset/changes.yaml"), _looks("styles/all.yaml")


@pytest.mark.parametrize("looks", [USUAL, ALL])
def test_a_fifth_each_is_drawn_as_the_benchmark_and_in_text_style(looks: list[Look]) -> None:
    total = sum(look.share for look in looks)
    assert sum(look.share for look in looks if _template(look, "sizes") == "kernel") >= total / 5
    assert sum(look.share for look in looks if _template(look, "math_style") in ("textstyle", None)) >= total / 5
    assert len(looks) > 12


def _template(look: Look, key: str) -> object:
    """A setting of the TeX document; None for mathtext, which sets fractions in text style only."""
    return getattr(look.renderer.template, key) if isinstance(look.renderer, RenderParams) else None


def test_the_usual_looks_need_no_more_than_the_usual_set_up() -> None:
    usual = tex_renderers(USUAL)
    assert {renderer.template.fonts for renderer in usual} <= set(RECOMMENDED)
    assert "dvipng" not in {renderer.rasterizer for renderer in usual}


def _isolated(look: Look) -> None:
    assert isinstance(look.renderer, RenderParams)
    renderer = TexRenderer(look.renderer)
    together = renderer.render([*FORMULAS, r"\undefinedthing", r"\color{red} x", *FORMULAS[::-1]])
    first, second = together[: len(FORMULAS)], together[len(FORMULAS) + 2 :][::-1]
    alone = [renderer.render_one(formula) for formula in FORMULAS[::8]]
    for one, other in [*zip(first, second, strict=True), *zip(first[::8], alone, strict=True)]:
        assert one.pixels is not None, (look.name, one)
        assert other.pixels is not None, (look.name, other)
        assert np.array_equal(one.pixels, other.pixels), look.name


@pytest.mark.needs_tex
@pytest.mark.parametrize("look", USUAL[1 : len(tex_renderers(USUAL))], ids=lambda look: look.name)
def test_pictures_do_not_depend_on_neighbours(look: Look) -> None:
    _isolated(look)


@pytest.mark.needs_tex
@pytest.mark.slow
@pytest.mark.parametrize("look", ALL[1:], ids=lambda look: look.name)
def test_pictures_of_further_looks_do_not_depend_on_neighbours(look: Look) -> None:
    if (
        isinstance(look.renderer, RenderParams)
        and look.renderer.rasterizer == "dvipng"
        and shutil.which("dvipng") is None
    ):
        pytest.skip("dvipng not installed; make styles brings it")
    try:
        _isolated(look)
    except ToolError as error:
        if "make styles" not in str(error):
            raise
        pytest.skip(str(error))
