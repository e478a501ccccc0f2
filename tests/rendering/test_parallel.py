"""Spread over processes or not, the same images in the same order."""

import os

import pytest

from im2latex.rendering.glyph_boxes.reader import ParallelGlyphReader
from im2latex.rendering.renderer import CHUNK_SIZES, ParallelRenderer, Renderer, Rendering, map_with_renderer
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
    assert pool.identity == FakeRenderer.identity


def _width(renderer: Renderer, formula: str) -> tuple[int, int]:
    (rendering,) = renderer.render([formula])
    return os.getpid(), 0 if rendering.pixels is None else rendering.pixels.shape[1]


def test_a_function_gets_the_renderer_in_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IM2LATEX_WORKERS", "2")
    formulas = ["x" * length for length in (5, 3, 4)]
    here = list(map_with_renderer(FakeRenderer(), _width, formulas))
    there = list(map_with_renderer(ParallelRenderer(FakeRenderer()), _width, formulas))
    assert [width for _, width in here] == [width for _, width in there] == [60, 36, 48]
    assert {process for process, _ in here} == {os.getpid()}
    assert os.getpid() not in {process for process, _ in there}


def test_symbols_come_in_the_order_of_formulas() -> None:
    formulas = [f"x {number}" for number in range(2 * CHUNK_SIZES[0] + 3)]
    settings = ParallelGlyphReader(FakeGlyphs()).read(formulas)
    assert [" ".join(one.glyphs.labels) for one in settings if one.glyphs] == formulas
