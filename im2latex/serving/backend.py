"""The engines behind the API: one reads images, on one thread or several; two draw formulas, on a thread each.

A formula is drawn with little processor time first; only one that needs more goes to the second renderer, so that
formulas made to take long wait for each other and no others wait for them.

Knows a predictor and a renderer by what it asks of them only, so that it needs neither torch nor TeX.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from im2latex.errors import ToolError
from im2latex.rendering.renderer import Renderer, Rendering
from im2latex.rendering.typesetter import TIMEOUT
from im2latex.serving.batching import Batcher
from im2latex.types import Prediction

READ_TOGETHER = 8

Pixels = NDArray[np.uint8]


class Predictor(Protocol):
    """As `im2latex.inference.predictor.Predictor`; several threads may call it at once."""

    def predict(
        self, images: Sequence[Pixels], *, candidates: int = 1, attention: bool = False
    ) -> Sequence[Prediction]:
        """One prediction per image."""


@dataclass(frozen=True)
class Engine:
    """What the server is made of.

    `patient` draws what `renderer` refuses as `timeout`. `close` ends the renderers' processes; `checkpoint` is the
    SHA-256 of the weights. `reading_threads` call the predictor at once.
    """

    predictor: Predictor
    renderer: Renderer
    checkpoint: str = ""
    patient: Renderer | None = None
    close: Callable[[], None] = lambda: None
    reading_threads: int = 1


@dataclass(frozen=True)
class _Task:
    pixels: Pixels
    candidates: int
    attention: bool


class Engines:
    """Reads and draws for many callers at once; `BusyError` where too many wait."""

    def __init__(self, engine: Engine, waiting: int) -> None:
        self._engine = engine
        self._reading: Batcher[_Task, Prediction] = Batcher(
            self._read,
            most=READ_TOGETHER,
            waiting=waiting,
            kind=lambda task: (task.candidates, task.attention),
            threads=engine.reading_threads,
        )
        # One formula a TeX run: those of different callers never meet in one.
        self._drawing: Batcher[str, Rendering] = Batcher(engine.renderer.render, most=1, waiting=waiting)
        patient = engine.patient or engine.renderer
        self._drawing_patiently: Batcher[str, Rendering] = Batcher(patient.render, most=1, waiting=waiting)
        self._open = AsyncExitStack()
        self.draws = False

    async def __aenter__(self) -> "Engines":
        """Start both, and warm them up: what is loaded now is loaded for all."""
        await self._open.enter_async_context(self._reading)
        self._open.push_async_callback(asyncio.to_thread, self._engine.close)
        await self._open.enter_async_context(self._drawing)
        await self._open.enter_async_context(self._drawing_patiently)
        await self.read(np.pad(np.zeros((12, 24), np.uint8), 8, constant_values=255), 1, False)
        try:
            await self.draw("x")
            self.draws = True
        except ToolError:
            pass  # no TeX here: all but drawing works, and drawing says why it does not
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End both, and the renderer's processes."""
        await self._open.aclose()

    @property
    def waiting(self) -> int:
        """Images and formulas in the queues."""
        return self._reading.waiting + self._drawing.waiting + self._drawing_patiently.waiting

    async def read(self, pixels: Pixels, candidates: int, attention: bool) -> Prediction:
        """What an image shows."""
        return await self._reading.do(_Task(pixels, candidates, attention))

    async def draw(self, latex: str) -> Rendering:
        """A formula's image; raises `ToolError` where there is no TeX."""
        drawn = await self._drawing.do(latex)
        if drawn.reason == TIMEOUT and self._engine.patient is not None:
            drawn = await self._drawing_patiently.do(latex)
        return drawn

    def _read(self, tasks: Sequence[_Task]) -> Sequence[Prediction]:
        first = tasks[0]
        return self._engine.predictor.predict(
            [task.pixels for task in tasks], candidates=first.candidates, attention=first.attention
        )
