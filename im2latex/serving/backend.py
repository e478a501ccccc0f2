"""Predictor and renderers behind the API, each with a queue and threads of its own.

A formula is rendered with a short time limit first. Only one that needs more goes to the second renderer, so that slow
formulas delay each other and no others. The predictor and the renderers are protocols: this module needs neither torch
nor TeX.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

import numpy as np

from im2latex.errors import ToolError
from im2latex.images.arrays import Pixels
from im2latex.inference.effort import Effort
from im2latex.rendering.renderer import Renderer, Rendering
from im2latex.rendering.typesetter import TIMEOUT
from im2latex.serving.batching import DynamicBatcher
from im2latex.types import Prediction

MAX_BATCH_SIZE = 8


class BatchPredictor(Protocol):
    """`im2latex.Predictor`, for arrays; several threads may call it at once."""

    def predict(
        self, images: Sequence[Pixels], *, candidates: int = 1, effort: Effort = "fast", attention: bool = False
    ) -> Sequence[Prediction]:
        """One prediction per image."""

    def unavailable_reason(self, effort: Effort) -> str | None:
        """What is missing for that effort, None where nothing is."""


@dataclass(frozen=True)
class Backend:
    """Components of the server.

    `slow_renderer` renders what `renderer` rejects as `timeout`. `close` ends the renderers' processes; `checkpoint` is
    the SHA-256 of the weights. `predictor_threads` call the predictor at once.
    """

    predictor: BatchPredictor
    renderer: Renderer
    checkpoint: str = ""
    slow_renderer: Renderer | None = None
    close: Callable[[], None] = lambda: None
    predictor_threads: int = 1


@dataclass(frozen=True)
class _PredictionTask:
    pixels: Pixels
    candidates: int
    effort: Effort
    attention: bool


class BackendQueues:
    """Queues of a backend for many callers; raises `QueueFullError` where too many requests are in one."""

    def __init__(self, backend: Backend, max_queue_size: int) -> None:
        self._backend = backend
        self._predictions: DynamicBatcher[_PredictionTask, Prediction] = DynamicBatcher(
            self._predict,
            max_batch_size=MAX_BATCH_SIZE,
            max_queue_size=max_queue_size,
            key=lambda task: (task.candidates, task.effort, task.attention),
            num_threads=backend.predictor_threads,
        )
        # One formula per TeX run: formulas of different callers never share one.
        self._renderings: DynamicBatcher[str, Rendering] = DynamicBatcher(
            backend.renderer.render, max_batch_size=1, max_queue_size=max_queue_size
        )
        self._slow_renderings: DynamicBatcher[str, Rendering] = DynamicBatcher(
            (backend.slow_renderer or backend.renderer).render, max_batch_size=1, max_queue_size=max_queue_size
        )
        self._stack = AsyncExitStack()
        self.can_render = False

    async def __aenter__(self) -> "BackendQueues":
        """Start the threads, and warm up the models and tools before the first request."""
        await self._stack.enter_async_context(self._predictions)
        self._stack.push_async_callback(asyncio.to_thread, self._backend.close)
        await self._stack.enter_async_context(self._renderings)
        await self._stack.enter_async_context(self._slow_renderings)
        warm_up = np.pad(np.zeros((12, 24), np.uint8), 8, constant_values=255)
        await self.predict(warm_up, 1, "best", False)
        try:
            await self.render("x")
            self.can_render = True
        except ToolError:
            pass  # without TeX everything else works, and rendering raises this error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the threads and end the renderers' processes."""
        await self._stack.aclose()

    @property
    def queue_size(self) -> int:
        """Images and formulas in the queues."""
        return self._predictions.queue_size + self._renderings.queue_size + self._slow_renderings.queue_size

    async def predict(self, pixels: Pixels, candidates: int, effort: Effort, attention: bool) -> Prediction:
        """Predict the formula in one image; where TeX is missing, with the effort `fast`."""
        return await self._predictions.submit(_PredictionTask(pixels, candidates, effort, attention))

    async def render(self, latex: str) -> Rendering:
        """Render one formula; raises `ToolError` where there is no TeX."""
        rendering = await self._renderings.submit(latex)
        if rendering.reason == TIMEOUT and self._backend.slow_renderer is not None:
            rendering = await self._slow_renderings.submit(latex)
        return rendering

    def _predict(self, tasks: Sequence[_PredictionTask]) -> Sequence[Prediction]:
        first = tasks[0]
        predictor = self._backend.predictor
        effort = "fast" if predictor.unavailable_reason(first.effort) else first.effort
        return predictor.predict(
            [task.pixels for task in tasks], candidates=first.candidates, effort=effort, attention=first.attention
        )
