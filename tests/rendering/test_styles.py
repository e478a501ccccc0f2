import hashlib
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from im2latex.config import check
from im2latex.errors import ParamsError
from im2latex.images.arrays import ImageParams
from im2latex.rendering.renderer import RenderParams, TexRenderer
from im2latex.rendering.styles import (
    BASE_STYLE,
    RenderStyle,
    StylesParams,
    all_styles,
    select_styles,
    tex_render_params,
)

VARIANTS: list[dict[str, object]] = [
    {"name": "times", "fonts": "times"},
    {"name": "small", "size": "9pt", "dpi": 100},
    {"name": "euler", "fonts": "euler", "size": "10pt", "dpi": 300},
]
STYLES = all_styles(RenderParams(), check({"variants": VARIANTS}, StylesParams, "styles"))
IDS = st.text("0123456789abcdef", min_size=32, max_size=32)


def test_a_variant_changes_what_it_names_and_keeps_lengths_on_paper() -> None:
    base, times, small, euler = tex_render_params(STYLES)
    assert times == base.model_copy(update={"template": base.template.model_copy(update={"fonts": "times"})})
    assert (small.template.document_class, small.template.class_options, small.dpi) == ("extarticle", "9pt", 100)
    assert (small.max_width_px, small.template.margin_px) == (base.max_width_px // 2, base.template.margin_px // 2)
    assert (euler.template.document_class, euler.template.class_options) == ("article", "10pt")
    assert euler.template.fonts == "euler"


def test_a_variant_sets_style_sizes_line_and_rasterizer() -> None:
    variant = {"name": "old", "sizes": "latex", "line_width": "390pt", "math_style": "textstyle"}
    styles = check({"variants": [variant | {"rasterizer": "pdfium", "share": 2}]}, StylesParams, "styles")
    base, style = all_styles(RenderParams(), styles)
    _, old = tex_render_params([base, style])
    assert (old.template.sizes, old.template.line_width) == ("latex", "390pt")
    assert (old.template.math_style, old.rasterizer, style.share) == ("textstyle", "pdfium", 2)
    assert (base.renderer, base.share) == (RenderParams(), 1)


@pytest.mark.parametrize(("downsample", "padding_px"), [(None, 8), (1, 4), (2, 8), (3, 12)])
def test_a_variant_may_keep_the_pixels_it_is_drawn_in(downsample: int | None, padding_px: int) -> None:
    styles = check({"variants": [{"name": "own", "downsample": downsample}]}, StylesParams, "styles")
    base, own = all_styles(RenderParams(), styles)
    assert base.image_params(ImageParams()) == ImageParams()
    assert own.image_params(ImageParams()) == ImageParams(downsample=downsample or 2, padding_px=padding_px)


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_share": 0},
        {"base_share": -1},
        {"variants": [{"name": "a", "share": 0}]},
        {"variants": [{"name": "a", "renderer": "crayon"}]},
        {"variants": [{"name": "a", "line_width": "390pt \\evil"}]},
        {"variants": [{"name": "a", "fonts": "comic"}]},
    ],
)
def test_wrong_values_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ParamsError):
        check(wrong, StylesParams, "styles")


@pytest.mark.parametrize("name", [BASE_STYLE, "twice", "No/Path"])
def test_names_of_styles_are_file_names_and_differ(name: str) -> None:
    with pytest.raises(ParamsError):
        check({"variants": [{"name": "twice"}, {"name": name}]}, StylesParams, "styles")


@given(IDS, st.integers(1, 6))
def test_training_formulas_get_as_many_styles_as_asked_and_others_the_base(name: str, per_formula: int) -> None:
    assert len(select_styles(name, "train", STYLES, per_formula)) == min(per_formula, len(STYLES))
    assert (
        select_styles(name, "val", STYLES, per_formula)
        == select_styles(name, "test", STYLES, per_formula)
        == {BASE_STYLE}
    )


@given(IDS)
def test_another_style_moves_no_formula_between_the_old(name: str) -> None:
    assert select_styles(name, "train", STYLES, 1) in (select_styles(name, "train", STYLES[:3], 1), {"euler"})


def test_styles_are_spread_evenly() -> None:
    counts = Counter(next(iter(select_styles(f"{number:032x}", "train", STYLES, 1))) for number in range(4000))
    assert all(900 < counts[style.name] < 1100 for style in STYLES)


def _with_shares(*shares: float) -> list[RenderStyle]:
    return [RenderStyle(str(number), RenderParams(), share) for number, share in enumerate(shares)]


def _first(number: int, styles: Sequence[RenderStyle]) -> str:
    return next(iter(select_styles(f"{number:032x}", "train", styles, 1)))


def test_styles_are_drawn_as_often_as_their_shares_say() -> None:
    shares = (1, 5, 0, 2, 0.5)
    counts = Counter(_first(number, _with_shares(*shares)) for number in range(8000))
    assert all(abs(counts[str(i)] / 8000 - share / sum(shares)) < 0.02 for i, share in enumerate(shares))


@given(IDS, st.lists(st.floats(0.01, 100), min_size=1, max_size=8), st.floats(0.01, 100))
def test_another_share_moves_formulas_only_to_and_from_its_style(name: str, shares: list[float], other: float) -> None:
    before, grown = _with_shares(*shares), _with_shares(*shares, other)
    assert select_styles(name, "train", grown, 1) in (select_styles(name, "train", before, 1), {str(len(shares))})
    [first] = select_styles(name, "train", before, 1)
    [second] = select_styles(name, "train", _with_shares(shares[0] + other, *shares[1:]), 1)
    assert second in (first, "0")


@given(IDS, st.integers(1, 6))
def test_equal_shares_keep_the_choice_of_the_hashes_alone(name: str, per_formula: int) -> None:
    lots = sorted((hashlib.sha256(f"{style.name}\0{name}".encode()).digest(), style.name) for style in STYLES)
    assert select_styles(name, "train", STYLES, per_formula) == {style for _, style in lots[:per_formula]}


@pytest.mark.needs_tex
def test_every_style_is_another_image_that_its_neighbours_do_not_change() -> None:
    formulas = [
        r"\frac { a } { \mathbf { b } + 1 }",
        r"\sum _ { i } \alpha _ { i }",
        r"\mathcal { X } \le \mathbb { R }",
    ]
    found = []
    for params in tex_render_params(STYLES):
        renderer = TexRenderer(params.model_copy(update={"rasterizer": "pdfium"}))
        together = [drawn.pixels for drawn in renderer.render(formulas) if drawn.pixels is not None]
        alone = [drawn.pixels for drawn in map(renderer.render_one, formulas) if drawn.pixels is not None]
        assert len(together) == len(formulas)
        assert all(np.array_equal(first, second) for first, second in zip(together, alone, strict=True))
        found.append(together)
    identities = {TexRenderer(params).identity for params in tex_render_params(STYLES)}
    assert len(identities) == len(STYLES)
    heights = [images[0].shape[0] for images in found]
    assert heights[2] < heights[0] < heights[3]
    assert not np.array_equal(found[0][0], found[1][0])
