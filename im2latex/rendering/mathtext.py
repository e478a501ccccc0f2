"""Renderer for styles: mathtext of matplotlib, which supports a part of LaTeX.

Formulas that mathtext does not support are refused as `not_understood`. Only the spelling is adapted. Requires
matplotlib, from the extra `styles`.
"""

import hashlib
import json
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from types import MappingProxyType
from typing import Literal

import numpy as np
from pydantic import Field

from im2latex.config import Params
from im2latex.errors import ToolError
from im2latex.images.arrays import PAPER
from im2latex.rendering.renderer import Renderer, Rendering

MathtextFonts = Literal["cm", "stix", "stixsans", "dejavusans", "dejavuserif"]

# Tokens of normalized formulas that mathtext spells otherwise.
_SPELLING: Mapping[str, str] = MappingProxyType(
    {
        "\\displaystyle": "",
        "\\nobreakspace": "\\ ",
        "~": "\\ ",
        "\\dag": "\\dagger",
        "\\le": "\\leq",
        "\\ge": "\\geq",
        "\\gets": "\\leftarrow",
        "\\lVert": "\\Vert",
        "\\rVert": "\\Vert",
        "\\lvert": "\\vert",
        "\\rvert": "\\vert",
        "\\dots": "\\ldots",
        "\\dotsc": "\\ldots",
        "\\limits": "",
        "\\coloneqq": "\\coloneq",
    }
)

_FAULTS = (ValueError, RuntimeError, TypeError, AttributeError, LookupError, ArithmeticError)
"""Exceptions of mathtext for a formula that it refuses, or in which it has a bug; not those for files."""
_NAME_AT_END = re.compile(r"\\[a-zA-Z]+$")


class MathtextParams(Params):
    """Parameters of the mathtext renderer."""

    fonts: MathtextFonts = Field(default="cm", description="font set of mathtext")
    points: int = Field(default=12, ge=5, le=40, description="type size")
    dpi: int = Field(default=200, ge=20, le=1200, description="pixels per inch")


class MathtextRenderer(Renderer):
    """Renders with mathtext; raises `ToolError` where matplotlib is missing."""

    def __init__(self, params: MathtextParams) -> None:
        if find_spec("matplotlib") is None:
            raise ToolError("matplotlib is not installed; pip install 'im2latex[styles]'")
        self.params = params

    @property
    def identity(self) -> str:
        """A hash of the settings, the spelling and the version of matplotlib, which brings its fonts."""
        parts = [self.params.model_dump(mode="json"), dict(_SPELLING), version("matplotlib")]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def render(self, formulas: Sequence[str]) -> list[Rendering]:
        from matplotlib.font_manager import FontProperties
        from matplotlib.mathtext import MathTextParser

        parser = MathTextParser("agg")
        font = FontProperties(size=self.params.points, math_fontfamily=self.params.fonts)

        def one(formula: str) -> Rendering:
            try:
                with _no_substitutes():
                    coverage = np.asarray(parser.parse(f"${to_mathtext(formula)}$", self.params.dpi, font).image)
            except _FAULTS as error:
                return Rendering(None, "not_understood", " ".join(str(error).split())[-200:])
            if not coverage.size or not coverage.any():
                return Rendering(None, "blank")
            rows, columns = np.flatnonzero(coverage.any(axis=1)), np.flatnonzero(coverage.any(axis=0))
            ink = coverage[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            return Rendering((PAPER - ink).astype(np.uint8))

        return [one(formula) for formula in formulas]


class _Refusing(logging.Handler):
    """Raises warnings as errors."""

    def emit(self, record: logging.LogRecord) -> None:
        raise ValueError(record.getMessage())


@contextmanager
def _no_substitutes() -> Iterator[None]:
    """Make symbols that a font lacks an error: mathtext draws others in their place, and only warns."""
    logger, handler = logging.getLogger("matplotlib.mathtext"), _Refusing(logging.WARNING)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def to_mathtext(formula: str) -> str:
    """Convert a normalized formula, tokens separated by spaces, to the spelling of mathtext.

    The spaces are removed, since mathtext reads `x _ {1}` as three separate items, except between a name and a letter.
    """
    text = ""
    for token in (_SPELLING.get(token, token) for token in formula.split()):
        text += " " if token[:1].isalpha() and _NAME_AT_END.search(text) else ""
        text += token.replace("~", " ")  # within a text box; mathtext would print it
    return text
