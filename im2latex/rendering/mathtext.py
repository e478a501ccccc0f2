"""A renderer for styles: formulas drawn by matplotlib's mathtext, which knows a part of LaTeX.

What mathtext does not know is refused as `not_understood`. Only spelling is adapted: the formula drawn is the same.
Needs matplotlib, from the extra `styles`.
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
from im2latex.rendering.renderer import Rendering

FontSet = Literal["cm", "stix", "stixsans", "dejavusans", "dejavuserif"]

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
"""What mathtext raises for a formula: a refusal, or a fault of its own. A file that cannot be read is no formula's."""
_NAME_AT_END = re.compile(r"\\[a-zA-Z]+$")


class MathtextParams(Params):
    """How mathtext draws formulas."""

    fonts: FontSet = Field(default="cm", description="font set of mathtext")
    points: int = Field(default=12, ge=5, le=40, description="type size")
    dpi: int = Field(default=200, ge=20, le=1200, description="pixels per inch")


class MathtextRenderer:
    """Draws with mathtext; raises `ToolError` where matplotlib is missing."""

    def __init__(self, params: MathtextParams) -> None:
        if find_spec("matplotlib") is None:
            raise ToolError("matplotlib is not installed; pip install 'im2latex[styles]'")
        self.params = params

    @property
    def identity(self) -> str:
        """A hash over the settings, the spelling and the version of matplotlib, which brings its fonts."""
        parts = [self.params.model_dump(mode="json"), dict(_SPELLING), version("matplotlib")]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def render(self, formulas: Sequence[str]) -> list[Rendering]:
        """One rendering a formula, in order."""
        from matplotlib.font_manager import FontProperties
        from matplotlib.mathtext import MathTextParser

        parser = MathTextParser("agg")
        font = FontProperties(size=self.params.points, math_fontfamily=self.params.fonts)

        def one(formula: str) -> Rendering:
            try:
                with _no_substitutes():
                    cover = np.asarray(parser.parse(f"${respelled(formula)}$", self.params.dpi, font).image)
            except _FAULTS as error:
                return Rendering(None, "not_understood", " ".join(str(error).split())[-200:])
            if not cover.size or not cover.any():
                return Rendering(None, "blank")
            rows, columns = np.flatnonzero(cover.any(axis=1)), np.flatnonzero(cover.any(axis=0))
            ink = cover[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            return Rendering((PAPER - ink).astype(np.uint8))

        return [one(formula) for formula in formulas]


class _Refusing(logging.Handler):
    """Takes a warning for a fault."""

    def emit(self, record: logging.LogRecord) -> None:
        """Raise the message as `ValueError`."""
        raise ValueError(record.getMessage())


@contextmanager
def _no_substitutes() -> Iterator[None]:
    """Symbols that a font lacks are faults here: mathtext draws others in their place, and only warns."""
    logger, handler = logging.getLogger("matplotlib.mathtext"), _Refusing(logging.WARNING)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def respelled(formula: str) -> str:
    """A normalized formula, its tokens between spaces, as mathtext spells it.

    Without the spaces, since mathtext reads `x _ {1}` as three things side by side; but a name ends at a letter.
    """
    text = ""
    for token in (_SPELLING.get(token, token) for token in formula.split()):
        text += " " if token[:1].isalpha() and _NAME_AT_END.search(text) else ""
        text += token.replace("~", " ")  # within a text box; mathtext would print it
    return text
