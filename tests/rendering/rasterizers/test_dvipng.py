"""dvipng as a rasterizer; skipped where the optional program is missing."""

import shutil
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from im2latex.rendering.document import TemplateParams
from im2latex.rendering.fonts import RECOMMENDED, FontSet
from im2latex.rendering.rasterizers.base import RasterizerError
from im2latex.rendering.rasterizers.registry import RASTERIZERS, create_rasterizer
from im2latex.rendering.renderer import Rendering, RenderParams, TexRenderer
from im2latex.sandbox.resource_limits import ProcessLimits

pytestmark = [
    pytest.mark.needs_tex,
    pytest.mark.skipif(shutil.which("dvipng") is None, reason="dvipng not installed; make styles brings it"),
]
PARAMS = RenderParams(rasterizer="dvipng", dpi=110)


def _formulas() -> Iterator[str]:
    for outer, inner in product(
        (r"\frac{%s}{2}", r"\sqrt{%s}", r"\hat{%s}", r"\left( %s \right)^2", r"{\color{red} %s}"),
        ("x", r"\alpha_1", r"\sum_i a_i", r"\mathbf{B}", r"\text{if } y"),
    ):
        yield outer % inner


def _same(one: Rendering, other: Rendering) -> bool:
    assert one.pixels is not None, one
    assert other.pixels is not None, other
    return np.array_equal(one.pixels, other.pixels)


def test_images_do_not_depend_on_neighbours_not_even_on_those_that_cannot_be_drawn() -> None:
    renderer = TexRenderer(PARAMS)
    formulas = list(_formulas())
    first = renderer.render(formulas)
    others = [
        r"\scalebox{2}{$x$}",
        r"\pagenumbering{arabic} x",
        r"\phantom{x}",
        r"\color{green} z",
        r"\rule{9cm}{99cm}",
    ]
    mixed = renderer.render([*others, *formulas[::-1], *others])[len(others) : -len(others)][::-1]
    alone = [renderer.render_one(formula) for formula in formulas[::7]]
    assert all(map(_same, first, mixed))
    assert all(map(_same, first[::7], alone))


@pytest.mark.parametrize("fonts", RECOMMENDED)
def test_fonts_are_drawn_from_outlines(fonts: FontSet) -> None:
    params = PARAMS.model_copy(update={"template": TemplateParams(fonts=fonts, definitions=fonts != "euler")})
    drawn = TexRenderer(params).render([r"\mathbf{x} + \mathrm{y} \leq \sum_i \alpha \text{ for } \mathcal{L}"])
    assert [(one.reason, one.detail) for one in drawn] == [(None, "")]


@pytest.mark.parametrize(
    ("formula", "reason"),
    [
        (r"\scalebox{2}{$x$}", "not_drawn"),
        (r"\phantom{x}", "blank"),
        (r"x \hskip-90in y", "too_wide"),
        (r"\raisebox{-60in}[0pt][0pt]{x} y", "too_tall"),
        (r"\rule{1pt}{70in}", "too_tall"),
        (r"\undefinedthing", "not_allowed"),
        ("".join([r"\rlap{\rule{1in}{1in}}"] * 200), "too_complex"),
        ("x", None),
    ],
)
def test_what_cannot_be_drawn_has_a_reason(formula: str, reason: str | None) -> None:
    assert TexRenderer(PARAMS).render_one(formula).reason == reason


def test_strokes_are_bolder_than_those_of_ghostscript() -> None:
    formulas = [r"a + \frac{b}{c}", r"\int_0^1 f(x) \, dx", r"\mathcal{L} = \alpha^2"]
    ink: dict[str, int] = {}
    for name in ("dvipng", "ghostscript"):
        drawn = TexRenderer(RenderParams.model_validate(PARAMS.model_dump() | {"rasterizer": name})).render(formulas)
        ink[name] = sum(int((255 - one.pixels.astype(int)).sum()) for one in drawn if one.pixels is not None)
    assert ink["dvipng"] > 1.05 * ink["ghostscript"]


def test_rules_are_as_large_as_they_say() -> None:
    drawn = TexRenderer(RenderParams(rasterizer="dvipng", dpi=200)).render_one(r"\rule[-3.6135pt]{36.135pt}{18.0675pt}")
    assert drawn.pixels is not None
    assert np.abs(np.array(drawn.pixels.shape) - (50, 100)).max() <= 1


def test_a_damaged_file_is_reported(tmp_path: Path) -> None:
    damaged = tmp_path / "batch.dvi"
    damaged.write_bytes(b"\xf7\x02 and no more")
    with pytest.raises(RasterizerError):
        list(create_rasterizer("dvipng", ProcessLimits()).pages(damaged, 110, [1]))


def test_its_identity_is_its_own() -> None:
    identities = {create_rasterizer(name, ProcessLimits()).identity() for name in RASTERIZERS}
    assert len(identities) == len(RASTERIZERS)
    assert "libft" in create_rasterizer("dvipng", ProcessLimits()).identity()
