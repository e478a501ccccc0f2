"""A renderer on all cores: spreads formulas over processes, each with the renderer it is given."""

from collections.abc import Sequence

import joblib

from im2latex.lifetime import task
from im2latex.parts import worker_count
from im2latex.rendering.engine import Renderer, Rendering

CHUNK = 250
"""Formulas handed to a process at a time. Without influence on the pictures."""


class PooledRenderer:
    """Draws what `renderer` draws, in the same order."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    @property
    def identity(self) -> str:
        """That of the renderer."""
        return self._renderer.identity

    def render(self, formulas: Sequence[str]) -> list[Rendering]:
        """One rendering a formula, in order."""
        chunks = [formulas[start : start + CHUNK] for start in range(0, len(formulas), CHUNK)]
        workers = min(worker_count(), len(chunks)) or 1
        drawn = joblib.Parallel(n_jobs=workers)(task(self._renderer.render)(chunk) for chunk in chunks)
        return [rendering for part in drawn for rendering in part]
