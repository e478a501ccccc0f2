"""The sizes of a font's characters, from the metric file that TeX itself reads.

Takes a font name, finds NAME.tfm with kpsewhich, gives sizes in fix words: a length is `fix * size / 2**20`. The
format is section 10 of Knuth's "The TFtoPL processor" (1989). Beside the sizes it holds two chains that make one
symbol of many shapes: the next larger character, and the pieces of a delimiter of any height.
"""

import re
import struct
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

from im2latex.errors import ToolError
from im2latex.rendering.tex_format import TEX_ENVIRONMENT
from im2latex.sandbox import process

FIX = 1 << 20
_NAME = re.compile(r"\w[\w.+-]*")
_LIST, _EXTENSIBLE = 2, 3  # tags of a character


class Box(NamedTuple):
    """Width, height above and depth below the baseline of a character, in fix words."""

    width: int
    height: int
    depth: int


class Pieces(NamedTuple):
    """What a delimiter of any height is built of; 0 where there is no such piece, but `repeated` is always one."""

    top: int
    middle: int
    bottom: int
    repeated: int

    @property
    def ends(self) -> frozenset[int]:
        """The pieces that tell it from other delimiters with the same repeated piece."""
        return frozenset((self.top, self.middle, self.bottom)) - {0}


@dataclass(frozen=True)
class Metrics:
    """One font: `smallest` leads from a character to the first of its chain, `pieces` from a delimiter to its parts."""

    boxes: dict[int, Box]
    smallest: dict[int, int] = field(default_factory=dict)
    pieces: dict[int, Pieces] = field(default_factory=dict)


def parse(data: bytes) -> Metrics:
    """Read a TFM file; raises `ValueError` where it is none."""
    try:
        return _parse(data)
    except (struct.error, IndexError):
        raise ValueError("not a TFM file") from None


def _parse(data: bytes) -> Metrics:
    _, header, first, last, widths, heights, depths, italics, ligatures, kerns, recipes, _ = struct.unpack_from(
        ">12H", data
    )
    place = 6 + header
    infos = data[4 * place : 4 * (place + last - first + 1)]
    tables = []
    place += last - first + 1
    for count in (widths, heights, depths):
        tables.append(struct.unpack_from(f">{count}i", data, 4 * place))
        place += count
    place += italics + ligatures + kerns
    recipe = [Pieces(*data[4 * at : 4 * at + 4]) for at in range(place, place + recipes)]

    boxes: dict[int, Box] = {}
    larger: dict[int, int] = {}
    pieces: dict[int, Pieces] = {}
    for code in range(first, last + 1):
        width, height_depth, italic_tag, rest = infos[4 * (code - first) : 4 * (code - first) + 4]
        if not width:
            continue  # there is no such character
        boxes[code] = Box(tables[0][width], tables[1][height_depth >> 4], tables[2][height_depth & 15])
        tag = italic_tag & 3
        if tag == _LIST:
            larger[code] = rest
        elif tag == _EXTENSIBLE:
            pieces[code] = recipe[rest]
    return Metrics(boxes, _smallest(larger), pieces)


def _smallest(larger: dict[int, int]) -> dict[int, int]:
    """The first character of the chain for each one that is the next larger of another."""
    before = {code: smaller for smaller, code in reversed(larger.items())}
    found: dict[int, int] = {}
    for code in before:
        start, seen = code, {code}
        while start in before and before[start] not in seen:
            start = before[start]
            seen.add(start)
        found[code] = start
    return found


@cache
def load(font: str) -> Metrics:
    """The metrics of a font of this TeX installation; raises `ToolError` where it has none of that name."""
    if not _NAME.fullmatch(font):
        raise ToolError(f"{font!r}: no name of a TeX font")
    done = process.query_program("kpsewhich", f"{font}.tfm", env=TEX_ENVIRONMENT)
    path = done.stdout.decode("utf-8", "replace").strip()
    if not done.ok or not path:
        raise ToolError(f"{font}.tfm: not found in this TeX installation; reinstall its fonts")
    return parse(Path(path).read_bytes())
