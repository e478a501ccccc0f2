"""Characters and rules on the pages of a DVI file, with their positions, and the metrics of their fonts.

The file is one that our own TeX run wrote. Positions are in scaled points (65,536 to a TeX point), x to the right and y
downwards. The format is section 14 of Fuchs and Knuth, "The DVItype Processor" (1990). Colors and other specials are
skipped.

Sizes of characters are those of the TFM files that TeX itself reads, which fontTools parses, in fix words: a font of
`size` scaled points multiplies them by `size / 2**20`. Beside the sizes there are the two tables that make one symbol
of many shapes: the next larger character, and the extensible recipe of a delimiter of any height (Knuth, "The TFtoPL
Processor", 1989, section 10).
"""

import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

from im2latex.errors import ToolError
from im2latex.rendering.tex_format import TEX_ENVIRONMENT
from im2latex.sandbox import process

FIX = 1 << 20
_NAME = re.compile(r"\w[\w.+-]*")
_POST = 248
RULE = ""
"""The `font` of a rule."""


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


class Mark(NamedTuple):
    """A character of `font`, or a rule: its reference point and its extent around it, in scaled points."""

    font: str
    code: int
    x: int
    y: int
    width: int
    height: int
    depth: int


def pages(data: bytes, load: Callable[[str], FontMetrics], max_marks: int) -> Iterator[list[Mark] | None]:
    """The marks of each page in the order in which TeX set them; None for a page with more than `max_marks`.

    Raises `ValueError` where the DVI file is incomplete.
    """
    try:
        yield from _DviMachine(data, load, max_marks).pages()
    except (IndexError, KeyError) as error:
        raise ValueError(f"incomplete DVI file: {error!r}") from None


def select(data: bytes, load: Callable[[str], FontMetrics], numbers: Sequence[int]) -> bytes:
    """A file of only the pages `numbers`, counted from 1, in that order, for programs that ignore its page pointers.

    TeX defines a font on the page of its first use; here all are defined before the pages. Raises `ValueError` where
    the DVI file is incomplete.
    """
    reader = _DviMachine(data, load, 0)
    try:
        end = sum(1 for _ in reader.pages()) and reader.spans[-1][1]
        pages = [data[slice(*reader.spans[number - 1])] for number in numbers]
    except (IndexError, KeyError) as error:
        raise ValueError(f"incomplete DVI file: {error!r}") from None
    start = reader.spans[0][0] if end else 0
    return b"".join([data[:start], *reader.definitions.values(), *pages, data[end:]])


@cache
def load_metrics(font: str) -> FontMetrics:
    """The metrics of a font of this TeX installation; raises `ToolError` where it has none of that name."""
    if not _NAME.fullmatch(font):
        raise ToolError(f"{font!r}: not the name of a TeX font")
    done = process.query_program("kpsewhich", f"{font}.tfm", env=TEX_ENVIRONMENT)
    path = done.stdout.decode("utf-8", "replace").strip()
    if not done.ok or not path:
        raise ToolError(f"{font}.tfm: not found in this TeX installation; reinstall its fonts")
    return parse_tfm(Path(path).read_bytes())


def parse_tfm(data: bytes) -> FontMetrics:
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


class _Font(NamedTuple):
    name: str
    size: int
    metrics: FontMetrics


class _DviMachine:
    """The interpreter of DVI operations that section 15 describes."""

    def __init__(self, data: bytes, load: Callable[[str], FontMetrics], max_marks: int) -> None:
        self._data = data
        self._offset = 0
        self._load = load
        self._max_marks = max_marks
        self._fonts: dict[int, _Font] = {}
        self.definitions: dict[int, bytes] = {}
        self.spans: list[tuple[int, int]] = []

    def pages(self) -> Iterator[list[Mark] | None]:
        """Interpret the file from its preamble to its postamble."""
        while (operation := self._byte()) != _POST:
            if operation == 139:
                start = self._offset - 1
                self._offset += 44
                marks = self._page()
                self.spans.append((start, self._offset))
                yield marks if len(marks) <= self._max_marks else None
            else:
                self._outside_or_inside(operation)

    def _page(self) -> list[Mark]:
        """The marks of one page, from behind its `bop` operation to its `eop`."""
        marks: list[Mark] = []
        stack: list[tuple[int, ...]] = []
        x = y = w_step = x_step = y_step = z_step = 0
        font = _Font(RULE, 0, FontMetrics({}))
        while (operation := self._byte()) != 140:
            if operation < 132 or 133 <= operation <= 136:
                code = operation if operation < 128 else self._number(operation - (127 if operation < 132 else 132))
                box = font.metrics.boxes[code]
                width, height, depth = (fix * font.size // FIX for fix in box)
                if len(marks) <= self._max_marks:
                    marks.append(Mark(font.name, code, x, y, width, height, depth))
                if operation < 132:
                    x += width
            elif operation in (132, 137):
                height, width = self._signed(4), self._signed(4)
                if height > 0 and width > 0 and len(marks) <= self._max_marks:
                    marks.append(Mark(RULE, 0, x, y, width, height, 0))
                if operation == 132:
                    x += width
            elif operation == 141:
                stack.append((x, y, w_step, x_step, y_step, z_step))
            elif operation == 142:
                x, y, w_step, x_step, y_step, z_step = stack.pop()
            elif 143 <= operation <= 146:
                x += self._signed(operation - 142)
            elif 147 <= operation <= 151:
                w_step = self._signed(operation - 147) if operation > 147 else w_step
                x += w_step
            elif 152 <= operation <= 156:
                x_step = self._signed(operation - 152) if operation > 152 else x_step
                x += x_step
            elif 157 <= operation <= 160:
                y += self._signed(operation - 156)
            elif 161 <= operation <= 165:
                y_step = self._signed(operation - 161) if operation > 161 else y_step
                y += y_step
            elif 166 <= operation <= 170:
                z_step = self._signed(operation - 166) if operation > 166 else z_step
                y += z_step
            elif 171 <= operation <= 238:
                font = self._fonts[operation - 171 if operation < 235 else self._number(operation - 234)]
            else:
                self._outside_or_inside(operation)
        return marks

    def _outside_or_inside(self, operation: int) -> None:
        """Operations that occur inside and outside of pages: special, font definition, preamble, no operation."""
        if 239 <= operation <= 242:
            length = self._number(operation - 238)
            self._offset += length
        elif 243 <= operation <= 246:
            start = self._offset - 1
            number = self._number(operation - 242)
            self._offset += 4
            size = self._number(4)
            self._offset += 4
            length = self._byte() + self._byte()
            name = self._data[self._offset : self._offset + length].decode("ascii", "replace")
            self._offset += length
            if number not in self._fonts:
                self._fonts[number] = _Font(name, size, self._load(name))
                self.definitions[number] = self._data[start : self._offset]
        elif operation == 247:
            self._offset += 13
            length = self._byte()
            self._offset += length
        elif operation != 138:
            raise ValueError(f"incomplete DVI file: operation {operation} at byte {self._offset - 1}")

    def _byte(self) -> int:
        self._offset += 1
        return self._data[self._offset - 1]

    def _number(self, size: int) -> int:
        self._offset += size
        return int.from_bytes(self._data[self._offset - size : self._offset])

    def _signed(self, size: int) -> int:
        self._offset += size
        return int.from_bytes(self._data[self._offset - size : self._offset], signed=True)
