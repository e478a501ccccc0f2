"""Metrics of TeX fonts: the sizes of their characters, from the TFM files that TeX itself reads.

fontTools parses the files; sizes are in fix words, which a font of `size` scaled points multiplies by `size / 2**20`.
Beside the sizes there are the two tables that make one symbol of many shapes: the next larger character, and the
extensible recipe of a delimiter of any height (Knuth, "The TFtoPL processor", 1989, section 10).
"""

import io
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

from im2latex.errors import ToolError
from im2latex.rendering.tex_format import TEX_ENVIRONMENT
from im2latex.sandbox import process

FIX = 1 << 20
_NAME = re.compile(r"\w[\w.+-]*")


class CharacterBox(NamedTuple):
    """Width, height above and depth below the baseline of a character, in fix words."""

    width: int
    height: int
    depth: int


class ExtensibleRecipe(NamedTuple):
    """The characters that build a delimiter of any height; 0 where there is none, but `repeated` is always one."""

    top: int
    middle: int
    bottom: int
    repeated: int

    @property
    def ends(self) -> frozenset[int]:
        """The characters that distinguish it from other delimiters with the same repeated one."""
        return frozenset((self.top, self.middle, self.bottom)) - {0}


@dataclass(frozen=True)
class FontMetrics:
    """The metrics of one font.

    `smallest` maps a character to the first of its chain of larger ones, `recipes` a delimiter to its parts.
    """

    boxes: dict[int, CharacterBox]
    smallest: dict[int, int] = field(default_factory=dict)
    recipes: dict[int, ExtensibleRecipe] = field(default_factory=dict)


def parse(data: bytes) -> FontMetrics:
    """Parse a TFM file; raises `ValueError` where it is not one."""
    # Imported here, since it takes 0.1 s and only glyph boxes need it.
    from fontTools.misc.sstruct import Error
    from fontTools.tfmLib import TFM, TFMException

    try:
        characters = TFM(io.BytesIO(data)).chars
    except (TFMException, Error, IndexError, KeyError, NameError):
        raise ValueError("not a TFM file") from None
    boxes: dict[int, CharacterBox] = {}
    larger: dict[int, int] = {}
    recipes: dict[int, ExtensibleRecipe] = {}
    for code, metrics in characters.items():
        boxes[code] = CharacterBox(*(round(metrics.get(name, 0) * FIX) for name in ("width", "height", "depth")))
        if "nextlarger" in metrics:
            larger[code] = metrics["nextlarger"]
        if "varchar" in metrics:
            recipes[code] = ExtensibleRecipe(
                *(metrics["varchar"].get(name, 0) for name in ("top", "mid", "bot", "rep"))
            )
    return FontMetrics(boxes, _smallest(larger), recipes)


def _smallest(larger: dict[int, int]) -> dict[int, int]:
    """The first character of the chain for each one that is the next larger of another."""
    smaller = {code: before for before, code in reversed(larger.items())}
    found: dict[int, int] = {}
    for code in smaller:
        start, seen = code, {code}
        while start in smaller and smaller[start] not in seen:
            start = smaller[start]
            seen.add(start)
        found[code] = start
    return found


@cache
def load(font: str) -> FontMetrics:
    """The metrics of a font of this TeX installation; raises `ToolError` where it has none of that name."""
    if not _NAME.fullmatch(font):
        raise ToolError(f"{font!r}: not the name of a TeX font")
    done = process.query_program("kpsewhich", f"{font}.tfm", env=TEX_ENVIRONMENT)
    path = done.stdout.decode("utf-8", "replace").strip()
    if not done.ok or not path:
        raise ToolError(f"{font}.tfm: not found in this TeX installation; reinstall its fonts")
    return parse(Path(path).read_bytes())
