"""Spread over processes or not, the same images in the same order."""

import pytest

from im2latex.rendering.glyph_boxes.reader import ParallelGlyphReader
from im2latex.rendering.renderer import CHUNK_SIZES, ParallelRenderer, Rendering, render_each
from tests.fakes import FakeGlyphs, FakeRenderer


def pixels(renderings: list[Rendering]) -> list[bytes | None]:
    return [None if rendering.pixels is None else rendering.pixels.tobytes() for rendering in renderings]


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("count", [0, 1, CHUNK_SIZES[0], 2 * CHUNK_SIZES[1] + 1])
def test_draws_what_its_renderer_draws(monkeypatch: pytest.MonkeyPatch, workers: str, count: int) -> None:
    monkeypatch.setenv("IM2LATEX_WORKERS", workers)
    formulas = [f"x_{number % 40}" + r"\broken" * (number % 7 == 0) for number in range(count)]
    pool = ParallelRenderer(FakeRenderer())
    assert pixels(pool.render(formulas)) == pixels(FakeRenderer().render(formulas))
    assert pixels(list(render_each(pool, _itself, formulas))) == pixels(FakeRenderer().render(formulas))
    assert pool.identity == FakeRenderer.identity


def _itself(rendering: Rendering) -> Rendering:
    return rendering


def test_symbols_come_in_the_order_of_formulas() -> None:
    formulas = [f"x {number}" for number in range(2 * CHUNK_SIZES[0] + 3)]
    settings = ParallelGlyphReader(FakeGlyphs()).read(formulas)
    assert [" ".join(one.glyphs.labels) for one in settings if one.glyphs] == formulas
