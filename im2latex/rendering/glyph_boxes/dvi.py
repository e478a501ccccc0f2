"""The characters and rules on the pages of a DVI file, and where they stand.

Takes the bytes that our own TeX run wrote and the metrics of fonts, gives marks in scaled points (65,536 to a TeX
point), x to the right and y downwards. The format is section 14 of Fuchs and Knuth's "The DVItype processor" (1990).
Colours and other specials are passed over.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from im2latex.rendering.glyph_boxes.tfm import FIX, Metrics

_POST = 248
RULE = ""
"""The `font` of a rule."""


class Mark(NamedTuple):
    """One character of `font`, or a rule; its reference point, and its extent around it, in scaled points."""

    font: str
    code: int
    x: int
    y: int
    width: int
    height: int
    depth: int


class _Font(NamedTuple):
    name: str
    size: int
    metrics: Metrics


def pages(data: bytes, load: Callable[[str], Metrics], most: int) -> Iterator[list[Mark] | None]:
    """The marks of each page in the order TeX set them; None for a page with more than `most`.

    Raises `ValueError` where the bytes are no whole DVI file.
    """
    try:
        yield from _Reader(data, load, most).pages()
    except (IndexError, KeyError) as error:
        raise ValueError(f"not a whole DVI file: {error!r}") from None


def select(data: bytes, load: Callable[[str], Metrics], numbers: Sequence[int]) -> bytes:
    """A file of only the pages `numbers`, counted from 1, in that order, for programs that follow no pointer in it.

    The fonts, which are defined on the page where TeX first uses them, are defined before all. Raises `ValueError`
    where the bytes are no whole DVI file.
    """
    reader = _Reader(data, load, 0)
    try:
        end = sum(1 for _ in reader.pages()) and reader.spans[-1][1]
        pages = [data[slice(*reader.spans[number - 1])] for number in numbers]
    except (IndexError, KeyError) as error:
        raise ValueError(f"not a whole DVI file: {error!r}") from None
    start = reader.spans[0][0] if end else 0
    return b"".join([data[:start], *reader.definitions.values(), *pages, data[end:]])


class _Reader:
    """A place in the bytes, and the registers of the machine that section 15 describes."""

    def __init__(self, data: bytes, load: Callable[[str], Metrics], most: int) -> None:
        self._data = data
        self._at = 0
        self._load = load
        self._most = most
        self._fonts: dict[int, _Font] = {}
        self.definitions: dict[int, bytes] = {}
        self.spans: list[tuple[int, int]] = []

    def pages(self) -> Iterator[list[Mark] | None]:
        """Run the file from its preamble to its postamble."""
        while (operation := self._byte()) != _POST:
            if operation == 139:
                start = self._at - 1
                self._at += 44
                marks = self._page()
                self.spans.append((start, self._at))
                yield marks if len(marks) <= self._most else None
            else:
                self._between(operation)

    def _page(self) -> list[Mark]:
        """One page, from after its begin to its end."""
        marks: list[Mark] = []
        stack: list[tuple[int, ...]] = []
        x = y = w_step = x_step = y_step = z_step = 0
        font = _Font(RULE, 0, Metrics({}))
        while (operation := self._byte()) != 140:
            if operation < 132 or 133 <= operation <= 136:
                code = operation if operation < 128 else self._number(operation - (127 if operation < 132 else 132))
                box = font.metrics.boxes[code]
                width, height, depth = (fix * font.size // FIX for fix in box)
                if len(marks) <= self._most:
                    marks.append(Mark(font.name, code, x, y, width, height, depth))
                if operation < 132:
                    x += width
            elif operation in (132, 137):
                height, width = self._signed(4), self._signed(4)
                if height > 0 and width > 0 and len(marks) <= self._most:
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
                self._between(operation)
        return marks

    def _between(self, operation: int) -> None:
        """What may stand inside and outside of pages: nothing, a special, the definition of a font, the preamble."""
        if 239 <= operation <= 242:
            length = self._number(operation - 238)
            self._at += length
        elif 243 <= operation <= 246:
            start = self._at - 1
            number = self._number(operation - 242)
            self._at += 4
            size = self._number(4)
            self._at += 4
            length = self._byte() + self._byte()
            name = self._data[self._at : self._at + length].decode("ascii", "replace")
            self._at += length
            if number not in self._fonts:
                self._fonts[number] = _Font(name, size, self._load(name))
                self.definitions[number] = self._data[start : self._at]
        elif operation == 247:
            self._at += 13
            length = self._byte()
            self._at += length
        elif operation != 138:
            raise ValueError(f"not a whole DVI file: operation {operation} at byte {self._at - 1}")

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _number(self, size: int) -> int:
        self._at += size
        return int.from_bytes(self._data[self._at - size : self._at])

    def _signed(self, size: int) -> int:
        self._at += size
        return int.from_bytes(self._data[self._at - size : self._at], signed=True)
