"""Several looks of one formula: which font set, type size and resolution it is drawn in.

Params and formula ids in, renderer params out; draws nothing. The base look is the renderer of params.yaml as it
stands, and the only one of validation and test, so that scores compare. A training formula is drawn in the base look
or in variants of it, chosen by its id: the choice depends on no other formula, and another variant moves few others.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, field_validator

from im2latex.errors import UsageError
from im2latex.params import Params
from im2latex.rendering.engine import RenderParams
from im2latex.rendering.fonts import FontSet

BASE = "base"
GIVEN = "given"
"""The look of pictures that a corpus brings; the project draws none of them."""
Size = Literal["8pt", "9pt", "10pt", "11pt", "12pt", "14pt", "17pt", "20pt"]
_OF_ARTICLE = ("10pt", "11pt", "12pt")
_SIZE = re.compile(r"\b\d+pt\b")


class VariantParams(Params):
    """What a look changes; null keeps what the renderer has."""

    name: str = Field(pattern=r"^[a-z0-9-]+$", description="name of the look, in file names and the column `look`")
    fonts: FontSet | None = Field(default=None, description="letters and symbols")
    size: Size | None = Field(default=None, description="type size")
    dpi: int | None = Field(default=None, ge=20, le=1200, description="pixels per inch")


class LooksParams(Params):
    """The looks of training pictures."""

    per_formula: int = Field(default=1, ge=1, description="looks drawn of each training formula, at most all")
    variants: tuple[VariantParams, ...] = Field(default=(), description="looks beside the base look")

    @field_validator("variants")
    @classmethod
    def _names_differ(cls, variants: tuple[VariantParams, ...]) -> tuple[VariantParams, ...]:
        names = [BASE, GIVEN, *(variant.name for variant in variants)]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two looks have the name {name!r}; '{BASE}' and '{GIVEN}' are taken")
        return variants


@dataclass(frozen=True)
class Look:
    """A name, and the renderer that draws it."""

    name: str
    renderer: RenderParams


def all_looks(base: RenderParams, params: LooksParams) -> list[Look]:
    """The base look and every variant of it."""
    return [Look(BASE, base), *(Look(variant.name, _changed(base, variant)) for variant in params.variants)]


def find_look(name: str, looks: Sequence[Look]) -> Look:
    """The look of that name; raises `UsageError` where there is none."""
    for look in looks:
        if look.name == name:
            return look
    raise UsageError(
        f"{name}: no look of params.yaml (render.looks); there are {', '.join(look.name for look in looks)}"
    )


def chosen(formula_id: str, split: str, looks: Sequence[Look], per_formula: int) -> set[str]:
    """Names of the looks that a formula is drawn in.

    Each look draws a lot from the formula's id, and the smallest win (rendezvous hashing, Thaler and Ravishankar 1998).
    """
    if split != "train":
        return {BASE}
    lots = sorted((hashlib.sha256(f"{look.name}\0{formula_id}".encode()).digest(), look.name) for look in looks)
    return {name for _, name in lots[:per_formula]}


def _changed(base: RenderParams, variant: VariantParams) -> RenderParams:
    """The base with other letters, size and resolution; the limits in pixels keep their length on paper."""
    dpi = variant.dpi or base.dpi
    template = base.template.model_dump()
    template["fonts"] = variant.fonts or base.template.fonts
    for name in ("margin_px", "room_px"):
        template[name] = _scaled(template[name], dpi, base.dpi)
    if variant.size:
        template["class_options"] = _with_size(base.template.class_options, variant.size)
        if base.template.document_class == "article" and variant.size not in _OF_ARTICLE:
            template["document_class"] = "extarticle"
    limits = {name: _scaled(getattr(base, name), dpi, base.dpi) for name in ("max_width_px", "max_height_px")}
    return RenderParams.model_validate(base.model_dump() | limits | {"dpi": dpi, "template": template})


def _with_size(options: str, size: str) -> str:
    if _SIZE.search(options):
        return _SIZE.sub(size, options)
    return f"{options},{size}".lstrip(",")


def _scaled(pixels: int, dpi: int, base_dpi: int) -> int:
    return -(-pixels * dpi // base_dpi)
