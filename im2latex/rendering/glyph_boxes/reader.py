r"""Formulas to the symbols of their typeset form and their boxes, without drawing.

Preamble, sanitizing, sandbox and reasons are those of rendering; TeX writes DVI in place of PDF, which has every
character and rule with its exact position.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from im2latex.rendering import document, sanitize, tex_format, tex_process
from im2latex.rendering.glyph_boxes import dvi, tfm
from im2latex.rendering.glyph_boxes.symbols import GlyphBoxes, glyph_boxes
from im2latex.rendering.rasterizers.pdfium_worker import MAX_OBJECTS
from im2latex.rendering.renderer import RenderParams
from im2latex.rendering.typesetter import TypesetBatch, Typesetter
from im2latex.sandbox.process import CompletedProcess

# Colors and scaled boxes are specials of PDF, which pdfTeX refuses in DVI. Without them everything keeps its position,
# and a scaled box its original size. \set@color still leaves what \mathcolor expects behind the group.
_DVI_OUTPUT = (
    r"\pdfoutput=0 \catcode`\@=11 \let\reset@color\relax \def\set@color{\aftergroup\reset@color}"
    r"\def\pdfcolorstack#1 set#2{}\def\pdfliteral#1#{\@gobble}\let\pdfsetmatrix\@gobble"
    r"\let\pdfsave\relax\let\pdfrestore\relax\catcode`\@=12 "
)


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
        pages = list(dvi.pages(data, tfm.load, MAX_OBJECTS))
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
            yield position, GlyphResult(glyph_boxes(marks, tfm.load))
