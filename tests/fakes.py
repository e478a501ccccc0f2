"""Stand-ins for the parts of the toolkit that need programs."""

import hashlib
from collections.abc import Sequence

import numpy as np

from im2latex.rendering.glyph_boxes.reader import GlyphBoxes, GlyphResult
from im2latex.rendering.renderer import Rendering


class FakeRenderer:
    r"""Draws a pattern of bars from the formula's hash, as wide as the formula is long, without TeX.

    Formulas that contain `\broken` fail as undefined_macro, empty ones as empty.
    """

    identity = hashlib.sha256(b"fake").hexdigest()

    def render(self, formulas: Sequence[str]) -> list[Rendering]:
        return [self._draw(formula) for formula in formulas]

    @staticmethod
    def _draw(formula: str) -> Rendering:
        if r"\broken" in formula:
            return Rendering(None, "undefined_macro", r"\broken")
        if not formula.strip():
            return Rendering(None, "empty")
        digest = hashlib.sha256(formula.encode()).digest()
        pixels = np.full((40, 12 * len(formula)), 255, np.uint8)
        for column in range(0, pixels.shape[1], 4):
            height = 1 + digest[column // 4 % len(digest)] % 40
            pixels[40 - height :, column : column + 2] = 0
        pixels[:, [0, -1]] = 0  # cropped to ink, as a renderer's images are
        return Rendering(pixels)


class FakeGlyphs:
    r"""Sets each token as a symbol of its own, one beside the other, without TeX.

    Fails where `FakeRenderer` does.
    """

    def read(self, formulas: Sequence[str]) -> list[GlyphResult]:
        return [self._set(formula) for formula in formulas]

    @staticmethod
    def _set(formula: str) -> GlyphResult:
        if r"\broken" in formula:
            return GlyphResult(None, "undefined_macro", r"\broken")
        if not formula.strip():
            return GlyphResult(None, "empty")
        labels = tuple(formula.split())
        lefts = 20.0 * np.arange(len(labels))
        return GlyphResult(GlyphBoxes(labels, np.column_stack([lefts, lefts * 0, lefts + 16, lefts * 0 + 20])))
