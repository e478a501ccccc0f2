import gzip
import json
import os
import pickle
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from im2latex.errors import ToolError
from im2latex.images.compare import same_ink
from im2latex.rendering import document, tex_format
from im2latex.rendering.renderer import Renderer, Rendering, RenderParams, TexRenderer

pytestmark = pytest.mark.needs_tex

GOOD = [r"\frac{a}{b}", "x_1^2", r"\sum_{i=1}^n i", r"\mathbb{R}", r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}"]
BROKEN = [
    (r"\nosuchmacro x", "not_allowed"),
    (r"\unmade x", "undefined_macro"),
    (r"\begin{nosuchthing} x \end{nosuchthing}", "not_allowed"),
    (r"\text{a_b}", "missing_dollar"),
    ("a & b", "extra_alignment"),
    (r"\left( a", "unbalanced"),
    (r"\begin{array}{c} a & b & c \end{array}", "extra_alignment"),
    ("x^2^3", "double_script"),
    (r"\hspace{40000pt} x", "dimension_too_large"),
    (r"\hspace{1500pt} x", "too_wide"),
    (r"\rule{1pt}{900pt}", "too_tall"),
    (r"\quad", "blank"),
    (r"\hspace{-365pt} x + y", "clipped"),
    (r"\hspace{-900pt} x", "clipped"),
    (r"\hspace{9pt}", "blank"),
    (r"\rlap{\rule{1500pt}{1pt}}\hspace{1300pt}", "too_wide"),
    (r"\mathscr{a}", "missing_character"),
    ("a{b", "unbalanced"),
    (r"a \end{document}", "not_allowed"),
    (r"\def\x{\x}\x", "not_allowed"),
    (r"\gdef\alpha{x}", "not_allowed"),
    (r"\write18{ls}", "not_allowed"),
    (r"\ref{x}", "undefined_reference"),
    (r"{" * 300 + "x" + "}" * 300, "too_deep"),
    (r"\text{\begin{equation} x", "unbalanced"),
    ("", "empty"),
]
# Each leaves a box or a group open, or never ends, and takes its whole run down.
DEADLY = [
    (r"\opened x", "unbalanced"),
    (r"\openedgroup x", "unbalanced"),
    (r"\openedbox x", "unbalanced"),
    (r"\forever", "timeout"),
    (r"\bigger", "memory"),
    (r"\begin{array}{c} a \\ { { { \hline } } } \end{array}", "extra_alignment"),
]


@pytest.fixture(scope="module")
def renderer() -> TexRenderer:
    # Hostile code cannot be written without definitions, which formulas may not hold: the template lends some.
    lent = r"\def\forever{\forever}\def\bigger{x\bigger}\def\twice#1{\setbox0\hbox{#1}\copy0\copy0}"
    lent += (
        r"\def\opened{\bgroup}\def\openedgroup{\begingroup}\def\openedbox{\hbox\bgroup}\newcommand\unmade{\nosuchmacro}"
    )
    template = document.TemplateParams(extra_preamble=lent)
    return TexRenderer(RenderParams(timeout_seconds=1, template=template))


def alike(first: Rendering, second: Rendering) -> bool:
    if first.pixels is None or second.pixels is None:
        return first == second
    return np.array_equal(first.pixels, second.pixels)


def alone(renderer: Renderer, formulas: Sequence[str]) -> list[Rendering]:
    return [renderer.render([formula])[0] for formula in formulas]


def test_images_are_cropped_ink_on_paper(renderer: TexRenderer) -> None:
    for rendering in renderer.render(GOOD):
        assert rendering.reason is None
        assert rendering.pixels is not None
        assert rendering.pixels.dtype == np.uint8
        ink = rendering.pixels < 255
        assert all(side.any() for side in (ink[0], ink[-1], ink[:, 0], ink[:, -1]))
        assert rendering.pixels.min() < 64


@pytest.mark.parametrize(("formula", "reason"), BROKEN, ids=lambda value: value[:30])
def test_each_failure_has_its_reason(renderer: TexRenderer, formula: str, reason: str) -> None:
    [rendering] = renderer.render([formula])
    assert (rendering.pixels, rendering.reason) == (None, reason)


@pytest.mark.parametrize(("formula", "reason"), DEADLY, ids=lambda value: value[:30])
def test_a_deadly_formula_harms_no_neighbour(renderer: TexRenderer, formula: str, reason: str) -> None:
    renderings = renderer.render([*GOOD[:2], formula, *GOOD[2:]])
    assert (renderings[2].pixels, renderings[2].reason) == (None, reason)
    assert all(map(alike, renderings[:2] + renderings[3:], renderer.render(GOOD)))


def test_ink_far_from_its_box_is_found(renderer: TexRenderer) -> None:
    expected, *far = renderer.render(
        ["x+y", r"\hspace{-90pt}x+y", r"\rlap{$x+y$}", r"\rlap{\hspace{99pt}$x+y$}", r"\smash{\raise 99pt\hbox{$x+y$}}"]
    )
    assert expected.pixels is not None
    for rendering in far:  # elsewhere on the pixel grid, so not the same greys
        assert rendering.pixels is not None, rendering
        assert np.abs(np.subtract(rendering.pixels.shape, expected.pixels.shape)).max() <= 1


def test_the_macro_is_named(renderer: TexRenderer) -> None:
    assert renderer.render([r"a + \frac{\nosuchmacro}{b}"])[0].detail == r"\nosuchmacro"


def test_nothing_depends_on_neighbours_order_or_batch(renderer: TexRenderer) -> None:
    formulas = GOOD + [formula for formula, _ in BROKEN + DEADLY[:2]] + [f"x_{{{i}}}" for i in range(20)]
    expected = renderer.render(formulas)
    order = list(range(len(formulas)))
    random.Random(0).shuffle(order)
    small = TexRenderer(renderer.params.model_copy(update={"batch_size": 7}))
    for position, rendering in zip(order, small.render([formulas[i] for i in order]), strict=True):
        assert alike(rendering, expected[position]), formulas[position]
    some = formulas[:10]
    assert all(map(alike, alone(renderer, some), expected))


def test_each_formula_has_its_own_math_alphabets(renderer: TexRenderer) -> None:
    # TeX has sixteen families for a run: all formulas together want more, each of them does not.
    names = [rf"\more{letter}" for letter in "abcdefghijklmnop"]
    template = document.TemplateParams(
        extra_preamble="".join(rf"\DeclareMathAlphabet{name}{{OT1}}{{cmss}}{{m}}{{n}}" for name in names)
    )
    other = TexRenderer(renderer.params.model_copy(update={"template": template}))
    formulas = ["".join(f"{name}{{A}}" for name in names[i : i + 4]) for i in range(0, 16, 4)]
    assert [rendering.reason for rendering in other.render(formulas)] == [None] * 4
    assert other.render(["".join(formulas)])[0].reason == "too_many_alphabets"


def test_numbers_and_colours_do_not_leak(renderer: TexRenderer) -> None:
    numbered = r"\parbox{100pt}{\begin{equation} x \end{equation}}"
    first, second, plain = renderer.render([numbered, numbered, "x"])
    assert alike(first, second)
    # The box begins the colour, and only what follows the first of its copies ends it.
    assert alike(renderer.render([r"\twice{\color{red}y}", "x"])[1], plain)


@pytest.mark.parametrize("rasterizer", ["ghostscript", "pdfium"])
def test_what_cannot_be_seen_moves_no_pixel(renderer: TexRenderer, rasterizer: str) -> None:
    other = TexRenderer(renderer.params.model_copy(update={"rasterizer": rasterizer}))
    formula = r"\frac{a}{b} \sqrt{x} + \int_0^1 f"
    plain, *others = other.render([formula] + [rf"{formula}\rule[-{i}.37pt]{{0pt}}{{{4 * i}.71pt}}" for i in range(9)])
    assert all(alike(plain, other) for other in others)


def test_paper_size_and_batch_size_leave_the_pixels_alone(renderer: TexRenderer) -> None:
    template = document.TemplateParams(class_options="12pt,a5paper,landscape", margin_px=40, max_margin_px=500)
    other = TexRenderer(renderer.params.model_copy(update={"template": template, "batch_size": 2}))
    assert all(map(alike, renderer.render(GOOD), other.render(GOOD)))


@pytest.mark.parametrize("rasterizer", ["pdfium", "poppler", "imagemagick"])
def test_rasterizers_draw_the_same_formulas(renderer: TexRenderer, rasterizer: str) -> None:
    other = TexRenderer(renderer.params.model_copy(update={"rasterizer": rasterizer}))
    assert other.identity != renderer.identity
    for ours, theirs in zip(renderer.render(GOOD), other.render(GOOD), strict=True):
        assert ours.pixels is not None
        assert theirs.pixels is not None, theirs
        assert np.abs(np.subtract(ours.pixels.shape, theirs.pixels.shape)).max() <= 2
        assert abs(float(ours.pixels.mean()) - float(theirs.pixels.mean())) < 12


def test_twice_the_resolution_is_twice_the_size(renderer: TexRenderer) -> None:
    finer = TexRenderer(renderer.params.model_copy(update={"dpi": 2 * renderer.params.dpi}))
    for coarse, fine in zip(renderer.render(GOOD), finer.render(GOOD), strict=True):
        assert coarse.pixels is not None
        assert fine.pixels is not None
        assert np.abs(2 * np.array(coarse.pixels.shape) - fine.pixels.shape).max() <= 4


def test_identity_changes_with_what_decides_pixels(renderer: TexRenderer) -> None:
    def identity(**changes: object) -> str:
        return TexRenderer(RenderParams.model_validate(changes)).identity

    same = identity()
    assert same == identity(batch_size=3, timeout_seconds=9, memory_mb=1000)
    changed = [identity(dpi=100), identity(rasterizer="pdfium"), identity(template={"class_options": "10pt"})]
    changed.append(identity(template={"math_style": "textstyle"}))
    assert len({same, *changed}) == 5


def test_a_renderer_can_be_sent_to_a_worker(renderer: TexRenderer) -> None:
    renderer.prepare()
    copy = pickle.loads(pickle.dumps(renderer))
    assert copy.identity == renderer.identity
    assert alike(copy.render(GOOD)[0], renderer.render(GOOD)[0])


def test_nothing_in_is_nothing_out(renderer: TexRenderer) -> None:
    assert renderer.render([]) == []


DATA = Path(__file__).parents[3] / "shared/data/arxiv_formulas_val.jsonl.gz"


@pytest.mark.skipif(not DATA.exists(), reason="needs the shared development data")
@pytest.mark.parametrize("rasterizer", ["ghostscript", "pdfium"])
def test_real_formulas_render_alike_in_any_company(renderer: TexRenderer, rasterizer: str) -> None:
    with gzip.open(DATA, "rt", encoding="utf-8") as lines:
        formulas = [json.loads(line)["formula"] for line, _ in zip(lines, range(600), strict=False)][::2]
    small = TexRenderer(renderer.params.model_copy(update={"rasterizer": rasterizer, "batch_size": 70}))
    large = TexRenderer(renderer.params.model_copy(update={"rasterizer": rasterizer}))
    expected = large.render(formulas)
    assert sum(rendering.pixels is not None for rendering in expected) > 0.9 * len(formulas)
    assert all(map(alike, small.render(formulas[::-1])[::-1], expected))
    assert all(map(alike, alone(large, formulas[:12]), expected))


def test_fonts_do_not_change_at_the_end_of_inner_mathematics(renderer: TexRenderer) -> None:
    as_text, as_mathematics = renderer.render(
        [r"\mathbf{a}\boldsymbol{\kappa}^{\textsf{T}}", r"\mathbf{a}\boldsymbol{\kappa}^{\mathsf{T}}"]
    )
    assert as_text.pixels is not None
    assert as_mathematics.pixels is not None
    assert same_ink(as_text.pixels, as_mathematics.pixels)


def test_one_formula_is_drawn_as_among_others(renderer: TexRenderer) -> None:
    alone, (first, _) = renderer.render_one("x^2"), renderer.render(["x^2", "y"])
    assert alone.pixels is not None
    assert first.pixels is not None
    assert np.array_equal(alone.pixels, first.pixels)
    assert renderer.render_one(r"\undefinedmacro").reason == "not_allowed"


@pytest.mark.needs_tex
def test_an_equation_number_is_to_the_right_of_the_unchanged_formula() -> None:
    formulas = ["x _ 1", r"\frac { a } { b }", r"{\color{red} y}"]
    plain = TexRenderer(RenderParams()).render(formulas)
    numbered = TexRenderer(RenderParams(template=document.TemplateParams(equation_number=True))).render(formulas)
    for one, other in zip(plain, numbered, strict=True):
        assert one.pixels is not None
        assert other.pixels is not None
        formula = other.pixels[:, : one.pixels.shape[1]]
        rows = np.flatnonzero((formula < 255).any(axis=1))
        assert np.array_equal(formula[rows[0] : rows[-1] + 1], one.pixels)
        assert (other.pixels[:, one.pixels.shape[1] :] < 255).any()


def test_a_format_that_is_damaged_meanwhile_is_made_anew(tmp_path: Path) -> None:
    renderer = TexRenderer(RenderParams(), tmp_path)
    before = renderer.render(["x"])[0]
    for path in tmp_path.glob("*/*.fmt"):
        path.write_bytes(b"")
    assert alike(renderer.render(["x"])[0], before)


def test_a_format_that_stays_damaged_is_no_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "im2latex.fmt"
    broken.touch()
    monkeypatch.setattr(tex_format, "load", lambda preamble, cache: tex_format.TexFormat(broken, ""))
    with pytest.raises(ToolError, match="TeX failed before"):
        TexRenderer(RenderParams()).render(["x", "y"])


@pytest.mark.parametrize(("rasterizer", "program"), [("ghostscript", "gs"), ("poppler", "pdftoppm")])
def test_a_rasterizer_that_does_not_work_is_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rasterizer: str, program: str
) -> None:
    (tmp_path / program).symlink_to("/bin/false")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(ToolError, match="im2latex doctor"):
        TexRenderer(RenderParams.model_validate({"rasterizer": rasterizer})).render(["x", "y"])
