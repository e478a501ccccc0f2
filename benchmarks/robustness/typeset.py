"""Formulas rendered by TeX in other fonts, sizes and resolutions, and by mathtext."""

from collections.abc import Sequence
from dataclasses import dataclass

from im2latex.images.arrays import ImageParams, pad, to_dataset_image
from im2latex.rendering import mathtext
from im2latex.rendering.fonts import FontSet
from im2latex.rendering.renderer import Rendering, RenderParams
from im2latex.rendering.styles import FontSize, StylesParams, VariantParams, all_styles, create_renderer

PADDING_PX = 10
"""Paper around an image that is not made as the data set makes its own."""


@dataclass(frozen=True)
class Typeset:
    """The base style with other letters, type size or resolution (null keeps them); padded and shrunk as data is."""

    fonts: FontSet | None = None
    size: FontSize | None = None
    dpi: int | None = None
    as_data: bool = False

    def draw(self, formulas: Sequence[str]) -> list[Rendering]:
        """Images with paper around the ink, in order; needs TeX and Ghostscript."""
        variant = VariantParams(name="other", fonts=self.fonts, size=self.size, dpi=self.dpi)
        renderer = create_renderer(all_styles(RenderParams(), StylesParams(variants=(variant,)))[1].renderer)
        return [self._padded(rendering) for rendering in renderer.render(formulas)]

    def _padded(self, rendering: Rendering) -> Rendering:
        if rendering.pixels is None or not self.as_data:
            return _padded(rendering)
        return Rendering(to_dataset_image(rendering.pixels, ImageParams()))


@dataclass(frozen=True)
class Mathtext:
    """A font set of matplotlib's mathtext, at 12 pt and 150 dpi."""

    fonts: mathtext.MathtextFonts

    def draw(self, formulas: Sequence[str]) -> list[Rendering]:
        """Images with paper around the ink, in order; raises `ToolError` without matplotlib."""
        renderer = mathtext.MathtextRenderer(mathtext.MathtextParams(fonts=self.fonts, points=12, dpi=150))
        return [_padded(rendering) for rendering in renderer.render(formulas)]


def _padded(rendering: Rendering) -> Rendering:
    return rendering if rendering.pixels is None else Rendering(pad(rendering.pixels, PADDING_PX))
