"""Formulas drawn by matplotlib's mathtext, which knows a part of LaTeX; what it does not know is refused, and counted.

Only spelling is adapted: the formula asked for is the same.
"""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from types import MappingProxyType
from typing import Literal

import numpy as np

from benchmarks.wild.typeset import PADDING_PX
from im2latex.errors import ToolError
from im2latex.imaging.raster import PAPER, pad
from im2latex.rendering.engine import Rendering

_POINTS = 12
_DPI = 150

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

_NAME_AT_END = re.compile(r"\\[a-zA-Z]+$")


@dataclass(frozen=True)
class Mathtext:
    """A font set of mathtext, at 12 pt and 150 dpi."""

    fontset: Literal["cm", "stix", "dejavusans"]

    def draw(self, formulas: Sequence[str]) -> list[Rendering]:
        """Pictures with paper around the ink, or the reason `not_understood`; raises `ToolError` without matplotlib."""
        if find_spec("matplotlib") is None:
            raise ToolError("matplotlib is not installed; pip install matplotlib")
        from matplotlib.font_manager import FontProperties
        from matplotlib.mathtext import MathTextParser

        parser, font = MathTextParser("agg"), FontProperties(size=_POINTS, math_fontfamily=self.fontset)

        def one(formula: str) -> Rendering:
            try:
                with _no_substitutes():
                    cover = np.asarray(parser.parse(f"${respelled(formula)}$", _DPI, font).image)
            except (ValueError, RuntimeError) as error:
                return Rendering(None, "not_understood", " ".join(str(error).split())[-200:])
            if not cover.size or not cover.any():
                return Rendering(None, "blank")
            return Rendering(pad((PAPER - cover).astype(np.uint8), PADDING_PX))

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
        text += token
    return text
