"""Styles: the fonts, font size, resolution, math style and rasterizer with which a formula is rendered.

The base style is `render.renderer` of params.yaml. Validation and test have no other style, so that scores are
comparable. A training formula is rendered in the base style or in variants of it, selected by its id and their shares:
the selection depends on no other formula, and a new variant moves no formula between the old ones.
"""

import hashlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, field_validator, model_validator

from im2latex.config import Params
from im2latex.errors import UsageError
from im2latex.images.arrays import ImageParams
from im2latex.rendering.document import LINE_WIDTH, MathStyle, SymbolSizes
from im2latex.rendering.fonts import FontSet
from im2latex.rendering.mathtext import MathtextFonts, MathtextParams, MathtextRenderer
from im2latex.rendering.rasterizers.registry import RasterizerName
from im2latex.rendering.renderer import Renderer, RenderParams, TexRenderer

BASE_STYLE = "base"
SOURCE_STYLE = "given"
"""The style of the images in the dataset, which the project does not render."""
FontSize = Literal["8pt", "9pt", "10pt", "11pt", "12pt", "14pt", "17pt", "20pt"]
_ARTICLE_SIZES = ("10pt", "11pt", "12pt")
_SIZE = re.compile(r"\b\d+pt\b")
_TEX_KEYS = ("fonts", "math_style", "sizes", "line_width", "equation_number", "rasterizer")
"""Keys of a variant that apply to TeX only."""
RendererParams = RenderParams | MathtextParams


class VariantParams(Params):
    """The changes of a style; null means the value of the renderer."""

    name: str = Field(pattern=r"^[a-z0-9-]+$", description="name of the style, in file names and the column `style`")
    fonts: FontSet | None = Field(default=None, description="letters and symbols")
    size: FontSize | None = Field(default=None, description="type size")
    dpi: int | None = Field(default=None, ge=20, le=1200, description="pixels per inch")
    math_style: MathStyle | None = Field(default=None, description="style of the formula, as of display or text")
    sizes: SymbolSizes | None = Field(
        default=None, description="large symbols, dots and matrices, of amsmath, or of LaTeX without it"
    )
    line_width: str | None = Field(default=None, pattern=LINE_WIDTH, description="wider formulas are squeezed to it")
    equation_number: bool | None = Field(
        default=None, description="a number in parentheses to the right of the formula"
    )
    rasterizer: RasterizerName | None = Field(default=None, description="the program that draws the pages")
    renderer: Literal["tex", "mathtext"] = Field(
        default="tex", description="what sets the formula; mathtext is matplotlib's, from the extra `styles`"
    )
    mathtext_fonts: MathtextFonts | None = Field(default=None, description="letters and symbols of mathtext")
    downsample: int | None = Field(
        default=None, ge=1, le=8, description="pixels at dpi that make one pixel of the image, a side"
    )
    share: float = Field(default=1, gt=0, description="weight of the style beside `base_share` and the other shares")

    @model_validator(mode="after")
    def _keys_of_the_renderer(self) -> "VariantParams":
        others = _TEX_KEYS if self.renderer == "mathtext" else ("mathtext_fonts",)
        if present := [name for name in others if getattr(self, name) is not None]:
            raise ValueError(f"{present[0]} has no meaning in style {self.name!r}, whose renderer is {self.renderer}")
        return self


class StylesParams(Params):
    """The styles of training images."""

    per_formula: int = Field(default=1, ge=1, description="styles drawn of each training formula, at most all")
    base_share: float = Field(default=1, ge=0, description="weight of the base style; 0: no training formula has it")
    variants: tuple[VariantParams, ...] = Field(default=(), description="styles beside the base style")

    @field_validator("variants")
    @classmethod
    def _names_differ(cls, variants: tuple[VariantParams, ...]) -> tuple[VariantParams, ...]:
        names = [BASE_STYLE, SOURCE_STYLE, *(variant.name for variant in variants)]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two styles have the name {name!r}; '{BASE_STYLE}' and '{SOURCE_STYLE}' are taken")
        return variants

    @model_validator(mode="after")
    def _one_has_a_share(self) -> "StylesParams":
        if not self.base_share and not self.variants:
            raise ValueError("base_share is 0 and there is no variant: no style is left for training formulas")
        return self


@dataclass(frozen=True)
class RenderStyle:
    """A style: its name, the parameters of its renderer, and its weight among all."""

    name: str
    renderer: RendererParams
    share: float = 1
    downsample: int | None = None

    def image_params(self, base: ImageParams) -> ImageParams:
        """Image parameters of the style; the padding is as wide as that of the base style."""
        if self.downsample is None:
            return base
        padding_px = _scaled(base.padding_px, self.downsample, base.downsample)
        return base.model_copy(update={"downsample": self.downsample, "padding_px": padding_px})


def create_renderer(params: RendererParams) -> Renderer:
    """The renderer that the parameters describe; raises `ToolError` where its program is missing."""
    return MathtextRenderer(params) if isinstance(params, MathtextParams) else TexRenderer(params)


def tex_render_params(styles: Sequence[RenderStyle]) -> list[RenderParams]:
    """The parameters of those styles that TeX renders."""
    return [style.renderer for style in styles if isinstance(style.renderer, RenderParams)]


def all_styles(base: RenderParams, params: StylesParams) -> list[RenderStyle]:
    """The base style and every variant of it."""
    variants = [
        RenderStyle(style.name, _variant_params(base, style), style.share, style.downsample)
        for style in params.variants
    ]
    return [RenderStyle(BASE_STYLE, base, params.base_share), *variants]


def find_style(name: str, styles: Sequence[RenderStyle]) -> RenderStyle:
    """The style of that name; raises `UsageError` where there is none."""
    for style in styles:
        if style.name == name:
            return style
    raise UsageError(
        f"{name}: no style of params.yaml (render.styles); there are {', '.join(style.name for style in styles)}"
    )


def select_styles(formula_id: str, split: str, styles: Sequence[RenderStyle], per_formula: int) -> set[str]:
    """Select the styles in which a formula is rendered; returns their names.

    Each style has a key that is computed from the id of the formula, and the smallest keys are selected (rendezvous
    hashing, Thaler and Ravishankar 1998). A key is exponentially distributed with the share as rate, so that a style is
    selected in proportion to its share (weighted sampling without replacement, Efraimidis and Spirakis 2006); equal
    shares preserve the order of the hashes.
    """
    if split != "train":
        return {BASE_STYLE}
    keys = sorted(_key(style, formula_id) for style in styles if style.share)
    return {name for _, _, name in keys[:per_formula]}


def _key(style: RenderStyle, formula_id: str) -> tuple[float, bytes, str]:
    digest = hashlib.sha256(f"{style.name}\0{formula_id}".encode()).digest()
    part = (int.from_bytes(digest[:8]) >> 11) / 2**53  # in [0, 1)
    return -math.log1p(-part) / style.share, digest, style.name


def _variant_params(base: RenderParams, variant: VariantParams) -> RendererParams:
    """The parameters of a variant; limits in pixels are scaled with the resolution."""
    dpi = variant.dpi or base.dpi
    if variant.renderer == "mathtext":
        points = int((variant.size or _size_of(base.template.class_options)).removesuffix("pt"))
        return MathtextParams(fonts=variant.mathtext_fonts or "cm", points=points, dpi=dpi)
    template = base.template.model_dump()
    for name in ("fonts", "math_style", "sizes", "line_width", "equation_number"):
        template[name] = getattr(variant, name) or template[name]
    for name in ("margin_px", "max_margin_px"):
        template[name] = _scaled(template[name], dpi, base.dpi)
    if variant.size:
        template["class_options"] = _with_size(base.template.class_options, variant.size)
        if base.template.document_class == "article" and variant.size not in _ARTICLE_SIZES:
            template["document_class"] = "extarticle"
    limits = {name: _scaled(getattr(base, name), dpi, base.dpi) for name in ("max_width_px", "max_height_px")}
    changes = limits | {"dpi": dpi, "template": template, "rasterizer": variant.rasterizer or base.rasterizer}
    return RenderParams.model_validate(base.model_dump() | changes)


def _size_of(options: str) -> str:
    found = _SIZE.search(options)
    return found[0] if found else "10pt"


def _with_size(options: str, size: str) -> str:
    if _SIZE.search(options):
        return _SIZE.sub(size, options)
    return f"{options},{size}".lstrip(",")


def _scaled(pixels: int, to: int, base: int) -> int:
    """A number of pixels, converted to another resolution and rounded up."""
    return -(-pixels * to // base)
