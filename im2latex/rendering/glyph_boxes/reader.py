r"""Formulas in, the symbols of their typeset form and their boxes out, without drawing anything.

The same preamble, screening, sandbox and verdicts as for images; TeX only writes DVI in place of PDF, which tells
every character and rule with its exact place.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from im2latex.rendering import document, sanitize, tex_format, tex_process
from im2latex.rendering.glyph_boxes import dvi, tfm
from im2latex.rendering.glyph_boxes.symbols import GlyphBoxes, symbols
from im2latex.rendering.rasterizers.pdfium_worker import MAX_OBJECTS
from im2latex.rendering.renderer import RenderParams
from im2latex.rendering.typesetter import TypesetBatch, Typesetter
from im2latex.sandbox.process import CompletedProcess

# Colours and scaled boxes are specials of PDF, which pdfTeX refuses in DVI: without them nothing is set elsewhere, only
# a scaled box has the size it had. \set@color still leaves what \mathcolor expects behind the group.
_TO_DVI = (
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
    """Tells the symbols of formulas, each without regard to the others."""

    def read(self, formulas: Sequence[str]) -> list[GlyphResult]:
        """One setting a formula, in order; no formula can make it raise."""


class TexGlyphReader:
    """Typesets with pdfTeX in DVI mode; raises `ToolError` where it is missing."""

    def __init__(self, params: RenderParams | None = None, cache: Path | None = None) -> None:
        """`params` as for `TexRenderer`, of which no rasterizer is used; `cache` holds the formats."""
        self.params = params or RenderParams()
        self._cache = cache

    def read(self, formulas: Sequence[str]) -> list[GlyphResult]:
        """One setting a formula, in order."""
        accepted, refused = sanitize.partition(formulas, self.params.extra_commands)
        results = {number: GlyphResult(None, error.reason, error.detail) for number, error in refused.items()}
        numbers = list(accepted)
        for start in range(0, len(numbers), self.params.batch_size):
            batch = numbers[start : start + self.params.batch_size]
            typesetter = Typesetter(self.params.template, self._tex, self.params.timeout_seconds)
            for printed in typesetter.typeset([accepted[number] for number in batch], self.params.template.margin_px):
                for position, setting in _settings(printed):
                    results[batch[position]] = setting
        return [results[number] for number in range(len(formulas))]

    @cached_property
    def _tex(self) -> tex_process.TexRunner:
        preamble = document.preamble(self.params.template, self.params)
        return _ToDvi(tex_process.TexLauncher(tex_format.load(preamble, self._cache), self.params))


class _ToDvi:
    """Runs of TeX that write DVI."""

    def __init__(self, tex: tex_process.TexRunner) -> None:
        self._tex = tex

    @contextmanager
    def run(self, source: str, cpu_seconds: float) -> Iterator[tuple[CompletedProcess, Path]]:
        """A run on the source, switched to DVI before its first page."""
        with self._tex.run(_TO_DVI + source, cpu_seconds) as done:
            yield done


def _settings(printed: TypesetBatch) -> Iterator[tuple[int, GlyphResult]]:
    """The setting of each formula of a finished run, by its position in the batch."""
    pages = []
    if printed.pdf is not None and any(verdict.page for verdict in printed.results.values()):
        data = printed.pdf.with_suffix(".dvi").read_bytes()
        pages = list(dvi.pages(data, tfm.load, MAX_OBJECTS))
    for position, verdict in printed.results.items():
        if verdict.page is None:
            yield position, GlyphResult(None, verdict.reason, verdict.detail)
            continue
        marks = pages[verdict.page - 1]
        if marks is None:
            yield position, GlyphResult(None, "too_complex", f"over {MAX_OBJECTS:,} pieces of ink")
        elif not marks:
            yield position, GlyphResult(None, "blank")
        else:
            yield position, GlyphResult(symbols(marks, tfm.load))
