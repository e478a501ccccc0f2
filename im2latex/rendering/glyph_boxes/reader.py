r"""Formulas to the symbols of their typeset form and their boxes, without drawing.

Preamble, sanitizing, sandbox and reasons are those of rendering; TeX writes DVI in place of PDF, which has every
character and rule with its exact position.

The label of a symbol is a font family and a character of it, so that a letter has one label in every size. So have the
shapes of one delimiter, operator or accent in several sizes: TeX's chains of larger characters relate them, and the
stacked pieces of an extensible delimiter are one symbol.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from im2latex.parallel.process_pool import map_chunks
from im2latex.rendering import document, sanitize, tex_format, tex_process
from im2latex.rendering.glyph_boxes import dvi
from im2latex.rendering.glyph_boxes.dvi import RULE, FontMetrics, Mark
from im2latex.rendering.rasterizers.pdfium_worker import MAX_OBJECTS
from im2latex.rendering.renderer import CHUNK_SIZES, RenderParams
from im2latex.rendering.typesetter import TypesetBatch, Typesetter
from im2latex.sandbox.process import CompletedProcess

DPI = 200
"""Boxes are in pixels at this resolution, that of the published CDM."""
_SP_PER_PX = 65536 * 72.27 / DPI
_DESIGN_SIZE = re.compile(r"\d+$")
_TOLERANCE = 4  # scaled points by which rounding may separate two pieces of one delimiter

# Where the smallest shape of a symbol is in another font than its larger ones: \DeclareMathDelimiter of LaTeX's
# fontmath.ltx for delimiters, and the wide accents \widehat and \widetilde of the same file.
_LARGER: Mapping[tuple[str, int], int] = MappingProxyType(
    {("cmr", code): large for code, large in ((40, 0), (41, 1), (91, 2), (93, 3), (94, 98), (126, 101))}
    | {("cmmi", 61): 14}
    | {
        ("cmsy", code): large
        for code, large in (
            *((34, 120), (35, 121), (42, 126), (43, 127), (98, 4), (99, 5), (100, 6), (101, 7), (102, 8), (103, 9)),
            *((104, 10), (105, 11), (106, 12), (107, 13), (108, 63), (109, 119), (110, 15), (112, 112)),
        )
    }
)

# Colors and scaled boxes are specials of PDF, which pdfTeX refuses in DVI. Without them everything keeps its position,
# and a scaled box its original size. \set@color still leaves what \mathcolor expects behind the group.
_DVI_OUTPUT = (
    r"\pdfoutput=0 \catcode`\@=11 \let\reset@color\relax \def\set@color{\aftergroup\reset@color}"
    r"\def\pdfcolorstack#1 set#2{}\def\pdfliteral#1#{\@gobble}\let\pdfsetmatrix\@gobble"
    r"\let\pdfsave\relax\let\pdfrestore\relax\catcode`\@=12 "
)


class GlyphBoxes(NamedTuple):
    """The N symbols of one formula in the order in which TeX set them.

    `boxes` (N, 4) float: left, top, right, bottom in pixels at 200 dpi, y downwards, from the corner of all boxes.
    """

    labels: tuple[str, ...]
    boxes: NDArray[np.float64]


@dataclass(frozen=True)
class GlyphResult:
    """The symbols of a formula, or the reason why there are none."""

    glyphs: GlyphBoxes | None
    reason: str | None = None
    detail: str = ""


class GlyphReader(Protocol):
    """Reads the symbols of formulas; those of one do not depend on the others."""

    def read(self, formulas: Sequence[str]) -> list[GlyphResult]:
        """One result for each formula, in order; no formula raises an exception."""


class TexGlyphReader(GlyphReader):
    """Typesets with pdfTeX in DVI mode; raises `ToolError` where it is missing."""

    def __init__(self, params: RenderParams | None = None, cache: Path | None = None) -> None:
        """`params` as for `TexRenderer`, without the rasterizer; `cache` is the folder of the formats."""
        self.params = params or RenderParams()
        self._cache = cache

    def read(self, formulas: Sequence[str]) -> list[GlyphResult]:
        accepted, refused = sanitize.partition(formulas, self.params.extra_commands)
        results = {number: GlyphResult(None, error.reason, error.detail) for number, error in refused.items()}
        numbers = list(accepted)
        for start in range(0, len(numbers), self.params.batch_size):
            batch = numbers[start : start + self.params.batch_size]
            typesetter = Typesetter(self.params.template, self._tex, self.params.timeout_seconds)
            for typeset in typesetter.typeset([accepted[number] for number in batch], self.params.template.margin_px):
                for position, result in _results(typeset):
                    results[batch[position]] = result
        return [results[number] for number in range(len(formulas))]

    @cached_property
    def _tex(self) -> tex_process.TexRunner:
        preamble = document.preamble(self.params.template, self.params)
        return _DviRunner(tex_process.TexLauncher(tex_format.load(preamble, self._cache), self.params))


class ParallelGlyphReader(GlyphReader):
    """Reads with copies of `reader` in worker processes, on all cores."""

    def __init__(self, reader: GlyphReader) -> None:
        self._reader = reader

    def read(self, formulas: Sequence[str]) -> list[GlyphResult]:
        return list(map_chunks(self._reader.read, formulas, CHUNK_SIZES))


class _DviRunner(tex_process.TexRunner):
    """Runs TeX with DVI output."""

    def __init__(self, tex: tex_process.TexRunner) -> None:
        self._tex = tex

    @contextmanager
    def run(self, source: str, cpu_seconds: float) -> Iterator[tuple[CompletedProcess, Path]]:
        with self._tex.run(_DVI_OUTPUT + source, cpu_seconds) as done:
            yield done


def _results(typeset: TypesetBatch) -> Iterator[tuple[int, GlyphResult]]:
    """The result of each formula of a finished run, by its position in the batch."""
    pages = []
    if typeset.pdf is not None and any(result.page for result in typeset.results.values()):
        data = typeset.pdf.with_suffix(".dvi").read_bytes()
        pages = list(dvi.pages(data, dvi.load_metrics, MAX_OBJECTS))
    for position, result in typeset.results.items():
        if result.page is None:
            yield position, GlyphResult(None, result.reason, result.detail)
            continue
        marks = pages[result.page - 1]
        if marks is None:
            yield position, GlyphResult(None, "too_complex", f"over {MAX_OBJECTS:,} pieces of ink")
        elif not marks:
            yield position, GlyphResult(None, "blank")
        else:
            yield position, GlyphResult(glyph_boxes(marks, dvi.load_metrics))


def glyph_boxes(marks: Sequence[Mark], load: Callable[[str], FontMetrics]) -> GlyphBoxes:
    """Group marks to symbols; returns their labels and boxes."""
    labels: list[str] = []
    boxes: list[tuple[int, int, int, int]] = []
    for stack in _stacks(marks, load):
        labels.append(_label(stack, load))
        boxes.append(
            (
                min(mark.x for mark in stack),
                min(mark.y - mark.height for mark in stack),
                max(mark.x + mark.width for mark in stack),
                max(mark.y + mark.depth for mark in stack),
            )
        )
    array = np.array(boxes, np.float64).reshape(len(boxes), 4)
    if len(array):
        array -= np.tile(array[:, :2].min(axis=0), 2)
    return GlyphBoxes(tuple(labels), array / _SP_PER_PX)


def _stacks(marks: Sequence[Mark], load: Callable[[str], FontMetrics]) -> list[list[Mark]]:
    """Each mark alone, but the pieces of one delimiter together: TeX sets them consecutively, one below the other."""
    stacks: list[list[Mark]] = []
    for mark in marks:
        last = stacks[-1][-1] if stacks else None
        if (
            last is not None
            and mark.font == last.font != RULE
            and mark.x == last.x
            and abs((mark.y - mark.height) - (last.y + last.depth)) <= _TOLERANCE
            and any({mark.code, last.code} <= {*recipe} for recipe in load(mark.font).recipes.values())
        ):
            stacks[-1].append(mark)
        else:
            stacks.append([mark])
    return stacks


def _label(stack: Sequence[Mark], load: Callable[[str], FontMetrics]) -> str:
    """Font family and code of the smallest character of its chain; `bar` or `line` for a rule."""
    first = stack[0]
    if first.font == RULE:
        return "bar" if first.width >= first.height else "line"
    metrics = load(first.font)
    code = first.code
    if len(stack) > 1:
        codes = {mark.code for mark in stack}
        fitting = (
            owner
            for owner, recipe in metrics.recipes.items()
            if codes <= {*recipe} and codes - {recipe.repeated} == recipe.ends - {recipe.repeated}
        )
        code = next(fitting, code)
    code = metrics.smallest.get(code, code)
    family = _DESIGN_SIZE.sub("", first.font)
    large = _LARGER.get((family, code))
    return f"{family}/{code}" if large is None else f"cmex/{large}"
