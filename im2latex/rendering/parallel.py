"""Parallel rendering and reading of glyph boxes: formulas are distributed to processes, each with its own copy."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import joblib

from im2latex.parallel.process_guard import delayed
from im2latex.parallel.workers import worker_count
from im2latex.rendering.glyph_boxes.reader import GlyphReader, GlyphResult
from im2latex.rendering.renderer import Renderer, Rendering

CHUNK = 250
"""Formulas in one task of a process; has no influence on the images."""

T = TypeVar("T")


class ParallelRenderer(Renderer):
    """Renders with copies of `renderer` on all cores."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    @property
    def identity(self) -> str:
        return self._renderer.identity

    def render(self, formulas: Sequence[str]) -> list[Rendering]:
        return _distribute(self._renderer.render, formulas)


class ParallelGlyphReader(GlyphReader):
    """Reads with copies of `reader` on all cores."""

    def __init__(self, reader: GlyphReader) -> None:
        self._reader = reader

    def read(self, formulas: Sequence[str]) -> list[GlyphResult]:
        return _distribute(self._reader.read, formulas)


def _distribute(work: Callable[[Sequence[str]], list[T]], formulas: Sequence[str]) -> list[T]:
    """The results of `work` on all chunks, in the order of the formulas."""
    chunks = [formulas[start : start + CHUNK] for start in range(0, len(formulas), CHUNK)]
    workers = min(worker_count(), len(chunks)) or 1
    parts = joblib.Parallel(n_jobs=workers)(delayed(work)(chunk) for chunk in chunks)
    return [result for part in parts for result in part]
