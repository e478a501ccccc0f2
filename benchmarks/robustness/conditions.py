"""Image conditions by name: a renderer and the effects applied to its image.

`clean` is an image of the dataset in its base style. Every other condition is compared with it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.robustness.browser import BrowserRenderer
from benchmarks.robustness.effects import Blur, Colours, Effect, Enlarge, Jpeg, Noise, Rotate, UnevenPadding
from im2latex.images.arrays import ImageParams, pad, to_dataset_image
from im2latex.rendering import mathtext
from im2latex.rendering.fonts import FontSet
from im2latex.rendering.renderer import Rendering, RenderParams
from im2latex.rendering.styles import FontSize, StylesParams, VariantParams, all_styles, create_renderer

CLEAN = "clean"
PADDING_PX = 10
"""Padding of images that are not padded as in the dataset."""


@dataclass(frozen=True)
class TexCondition:
    """The base style of TeX with other fonts, font size or resolution; None keeps that of the base style.

    `as_data` pads and downsamples as for the dataset.
    """

    fonts: FontSet | None = None
    size: FontSize | None = None
    dpi: int | None = None
    as_data: bool = False

    def render(self, formulas: Sequence[str]) -> list[Rendering]:
        """Padded images in order; needs TeX and Ghostscript."""
        variant = VariantParams(name="other", fonts=self.fonts, size=self.size, dpi=self.dpi)
        renderer = create_renderer(all_styles(RenderParams(), StylesParams(variants=(variant,)))[1].renderer)
        return [self._post_process(rendering) for rendering in renderer.render(formulas)]

    def _post_process(self, rendering: Rendering) -> Rendering:
        if rendering.pixels is None or not self.as_data:
            return _pad(rendering)
        return Rendering(to_dataset_image(rendering.pixels, ImageParams()))


@dataclass(frozen=True)
class MathtextCondition:
    """A font set of matplotlib's mathtext, at 12 pt and 150 dpi."""

    fonts: mathtext.MathtextFonts

    def render(self, formulas: Sequence[str]) -> list[Rendering]:
        """Padded images in order; raises `ToolError` without matplotlib."""
        renderer = mathtext.MathtextRenderer(mathtext.MathtextParams(fonts=self.fonts, points=12, dpi=150))
        return [_pad(rendering) for rendering in renderer.render(formulas)]


def _pad(rendering: Rendering) -> Rendering:
    return rendering if rendering.pixels is None else Rendering(pad(rendering.pixels, PADDING_PX))


Source = TexCondition | MathtextCondition | BrowserRenderer


@dataclass(frozen=True)
class Condition:
    """A condition: name, kind of difference from `clean`, renderer, and effects applied to its images in order."""

    name: str
    kind: str
    source: Source
    effects: tuple[Effect, ...] = ()


_SHARP = TexCondition(dpi=200)
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)


def _conditions() -> Iterator[Condition]:
    yield Condition(CLEAN, "clean", TexCondition(as_data=True))
    for fonts in ("times", "txfonts", "palatino", "pxfonts", "euler"):
        yield Condition(f"font-{fonts}", "fonts", TexCondition(fonts=fonts, as_data=True))
    for size in ("8pt", "9pt", "10pt", "11pt", "14pt"):
        yield Condition(f"size-{size}", "size", TexCondition(size=size, as_data=True))
    for dpi in (72, 100, 150, 200, 300):
        yield Condition(f"dpi-{dpi}", "resolution", TexCondition(dpi=dpi))
    yield Condition("dpi-72-enlarged", "resolution", TexCondition(dpi=72), (Enlarge(2.0),))
    for fontset in ("cm", "stix", "dejavusans"):
        yield Condition(f"mathtext-{fontset}", "renderer", MathtextCondition(fontset))
    for engine in ("katex", "mathjax"):
        for scale in (1, 2):
            yield Condition(f"{engine}-{scale}x", "renderer", BrowserRenderer(engine, scale))
    yield Condition("mathjax-svg-2x", "renderer", BrowserRenderer("mathjax-svg", 2))
    yield Condition("katex-dark-1x", "colour", BrowserRenderer("katex", 1, ink="#d4d4d4", paper="#1e1e1e"))
    yield Condition("katex-dark-2x", "colour", BrowserRenderer("katex", 2, ink="#d4d4d4", paper="#1e1e1e"))
    yield Condition("white-on-black", "colour", _SHARP, (Colours(_WHITE, _BLACK),))
    yield Condition("grey-on-1e1e1e", "colour", _SHARP, (Colours((212, 212, 212), (30, 30, 30)),))
    yield Condition("blue-on-white", "colour", _SHARP, (Colours((31, 78, 180), _WHITE),))
    yield Condition("brown-on-cream", "colour", _SHARP, (Colours((101, 67, 33), (253, 246, 227)),))
    yield Condition("low-contrast", "colour", _SHARP, (Colours((150, 150, 150), (215, 215, 215)),))
    yield Condition("transparent", "colour", _SHARP, (Colours(_BLACK, None),))
    yield Condition("transparent-white-ink", "colour", _SHARP, (Colours(_WHITE, None),))
    for quality in (70, 40):
        yield Condition(f"jpeg-{quality}", "damage", TexCondition(dpi=150), (Jpeg(quality),))
    for sigma in (1.0, 2.0):
        yield Condition(f"blur-{sigma:g}", "damage", _SHARP, (Blur(sigma),))
    for degrees in (1.0, 2.0):
        yield Condition(f"rotation-{degrees:g}", "damage", _SHARP, (Rotate(degrees),))
    yield Condition("uneven-padding", "damage", _SHARP, (UnevenPadding(120),))
    yield Condition("noise", "damage", _SHARP, (Noise(0.06),))
    yield Condition("several", "damage", _SHARP, (UnevenPadding(40), Rotate(1.0), Blur(1.0), Noise(0.02), Jpeg(60)))


CONDITIONS: tuple[Condition, ...] = tuple(_conditions())
"""All conditions, `clean` first."""
