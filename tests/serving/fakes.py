"""A predictor without a model."""

import threading
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from im2latex.errors import ImageError, ToolError
from im2latex.inference.effort import Effort
from im2latex.rendering.renderer import Rendering
from im2latex.types import Candidate, Prediction
from tests.fakes import FakeRenderer

LATEX = r"\frac{a}{b}"
TOKENS = [r"\frac", "{", "a", "}", "{", "b", "}"]
OTHERS = (r"\frac{a}{6}", r"\broken{a}")


class NoTexRenderer(FakeRenderer):
    """A renderer whose TeX is not installed."""

    def render(self, formulas: Sequence[str]) -> list[Rendering]:
        raise ToolError("pdftex is not installed")


class FakePredictor:
    """Predicts LATEX and the width of the image for every image, and an error for a blank one.

    `batches` holds the number of images of each call, `efforts` its effort; a call waits while `may_go` is not set.
    `reason` and `boxes` are those of all predictions.
    """

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.efforts: list[Effort] = []
        self.has_tex = True
        self.may_go = threading.Event()
        self.may_go.set()
        self.error: Exception | None = None
        self.reason: str | None = None
        self.boxes: list[tuple[int, int, int, int]] = []

    def predict(
        self,
        images: Sequence[NDArray[np.uint8]],
        *,
        candidates: int = 1,
        effort: Effort = "fast",
        attention: bool = False,
    ) -> list[Prediction]:
        self.may_go.wait(10)
        self.batches.append(len(images))
        self.efforts.append(effort)
        if self.error is not None:
            raise self.error
        found = [self._read(pixels, candidates, attention) for pixels in images]
        return [replace(one, reason=self.reason, boxes=self.boxes) for one in found]

    def unavailable_reason(self, effort: Effort) -> str | None:
        return None if self.has_tex or effort == "fast" else "pdftex is not installed"

    @staticmethod
    def _read(pixels: NDArray[np.uint8], candidates: int, attention: bool) -> Prediction:
        grey = pixels if pixels.ndim == 2 else pixels[..., :3].mean(axis=2).astype(np.uint8)
        if (grey == 255).all():
            return Prediction(error=ImageError("blank", "there is no ink on the image"))
        width = str(grey.shape[1])
        latex, tokens = f"{LATEX} {width}", [*TOKENS, width]
        found = [Candidate(text, 0.9 - 0.2 * place) for place, text in enumerate([latex, *OTHERS][:candidates])]
        found[0] = replace(found[0], tokens=tokens)
        maps = np.zeros((len(tokens), 2, 6), np.float32)
        for token in range(len(maps)):
            maps[token, token % 2, token % 6] = 1
        page = np.ascontiguousarray(grey)
        return Prediction(latex, 0.9, found, page, maps if attention else None, tokens=tokens)
