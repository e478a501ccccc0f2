"""Formulas in, images or reasons out: the one interface through which the project renders.

`Renderer` is what callers depend on, so that tests can do without TeX. `TexRenderer` screens, typesets and
rasterizes in batches. It does one thing at a time: callers spread batches over processes, each with a renderer of its
own, which is cheap to make and to pickle.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from im2latex.errors import ToolError
from im2latex.images import arrays
from im2latex.rendering import document, page_checks, rasterizers, sanitize, tex_format, tex_process
from im2latex.rendering.fonts import RECOMMENDED
from im2latex.rendering.rasterizers import pdfium_client
from im2latex.rendering.rasterizers.pdfium_worker import MOST_COVER, MOST_OBJECTS
from im2latex.rendering.tex_log import PageResult
from im2latex.rendering.typesetter import Typesetter, cpu_seconds
from im2latex.sandbox import process
from im2latex.sandbox.process import ProcessLimits

_PIXELS_PER_MB = 1 << 20
_DETAILS = {
    "clipped": "ink lies over {margin} px outside the box",
    "too_wide": "its ink",
    "too_tall": "its ink",
    "too_complex": f"over {MOST_OBJECTS:,} pieces of ink, or the page covered {MOST_COVER} times",
}


RENDER_BATCH_SIZE = 1000
"""Formulas given to a renderer in one call; bounds the memory that their images take."""


class RenderParams(document.PageParams, ProcessLimits):
    """How formulas become images."""

    template: document.TemplateParams = Field(default=document.TemplateParams(), description="the TeX document")
    rasterizer: rasterizers.Name = Field(default="ghostscript", description="the program that draws the pages")
    batch_size: int = Field(
        default=250, ge=1, le=2000, description="formulas in one TeX run; has no influence on the images"
    )
    commands: tuple[str, ...] = Field(
        default=(), description="commands that formulas may use beside those of LaTeX, the packages and extra_preamble"
    )

    def with_commands(self, names: Iterable[str]) -> "RenderParams":
        """The same params with more commands that formulas may use."""
        return self.model_copy(update={"commands": tuple(sorted({*self.commands, *names}))})

    @property
    def template_commands(self) -> frozenset[str]:
        """What formulas may hold beside the list of `im2latex.latex.allowed_commands`."""
        return sanitize.template_commands(self.template) | set(self.commands)


@dataclass(frozen=True)
class Rendering:
    """An image cropped to its ink, uint8 (H, W), 255 paper and 0 ink; or the reason why there is none."""

    pixels: NDArray[np.uint8] | None
    reason: str | None = None
    detail: str = ""


class Renderer(Protocol):
    """Draws formulas, each without regard to the others."""

    @property
    def identity(self) -> str:
        """A hash over everything but the formula that decides the pixels."""

    def render(self, formulas: Sequence[str]) -> list[Rendering]:
        """One rendering a formula, in order; no formula can make it raise, but tools that do not work do."""


class TexRenderer:
    """Draws with pdfTeX and one of the rasterizers; raises `ToolError` where one is missing."""

    def __init__(
        self,
        params: RenderParams | None = None,
        cache: Path | None = None,
        ready: int = 0,
        background: bool = False,
    ) -> None:
        """`cache` holds the formats. `ready` processes of TeX wait for `render_one`, in this process, until `close`.

        In the `background` TeX leaves the processor to others.
        """
        self.params = params or RenderParams()
        self._cache = cache
        self._ready = ready
        self._background = background

    @cached_property
    def identity(self) -> str:
        """A hash over template, page set-up, TeX with all files of the preamble, and rasterizer."""
        parts = {
            "preamble": self._preamble,
            "style": self.params.template.math_style,
            "dpi": self.params.dpi,
            "engine": process.version_line("pdftex", "--version"),
            "packages": self._format.fingerprint,
            "rasterizer": self._rasterizer.identity(),
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def prepare(self) -> None:
        """Compile the preamble if that has not been done; workers then only load it."""
        self._tex  # noqa: B018  the property builds it

    def close(self) -> None:
        """End the processes that wait."""
        tex = vars(self).pop("_tex", None)
        if isinstance(tex, tex_process.TexPool):
            tex.close()

    def render(self, formulas: Sequence[str]) -> list[Rendering]:
        """One rendering a formula, in order; raises `ToolError` where TeX or the rasterizer does not work at all."""
        try:
            return self._render(formulas)
        except ToolError:
            if self._format.whole:
                raise
        self.close()
        vars(self).pop("_format")
        return self._render(formulas)

    def _render(self, formulas: Sequence[str]) -> list[Rendering]:
        accepted, refused = sanitize.sort(formulas, self.params.template_commands)
        results = {number: Rendering(None, error.reason, error.detail) for number, error in refused.items()}
        for number, rendering in self._draw(accepted):
            results[number] = rendering
        return [results[number] for number in range(len(formulas))]

    def render_one(self, formula: str) -> Rendering:
        """One formula for whoever waits for it; `benchmarks.rendering` times it."""
        (rendering,) = self.render([formula])
        return rendering

    @cached_property
    def _preamble(self) -> str:
        return document.preamble(self.params.template, self.params, self._rasterizer.reads)

    @cached_property
    def _format(self) -> tex_format.TexFormat:
        try:
            return tex_format.load(self._preamble, self._cache)
        except ToolError as error:
            fonts = self.params.template.fonts
            if fonts in RECOMMENDED:
                raise
            raise ToolError(f"{error}; `make styles` installs the fonts {fonts}") from None

    @cached_property
    def _tex(self) -> tex_process.TexRunner:
        fresh = tex_process.TexLauncher(self._format, self.params, self._background)
        alone = cpu_seconds(self.params.timeout_seconds, 1)
        return tex_process.TexPool(fresh, alone, self._ready) if self._ready else fresh

    @cached_property
    def _rasterizer(self) -> rasterizers.Rasterizer:
        return rasterizers.create(self.params.rasterizer, self.params)

    def _draw(self, formulas: Mapping[int, str]) -> Iterator[tuple[int, Rendering]]:
        """Each formula's number with its rendering, in any order."""
        template = self.params.template
        again: dict[int, str] = {}
        for number, rendering in self._draw_with(formulas, template.margin_px):
            if rendering.reason == "clipped":
                again[number] = formulas[number]
            else:
                yield number, rendering
        # Rare, so that all others may have small pages, which are faster to draw; and all at once, for one more start.
        yield from self._draw_with(again, template.max_margin_px)

    def _draw_with(self, formulas: Mapping[int, str], margin_px: int) -> Iterator[tuple[int, Rendering]]:
        """The same in batches, with one margin for all."""
        numbers = list(formulas)
        for start in range(0, len(numbers), self.params.batch_size):
            batch = numbers[start : start + self.params.batch_size]
            for position, rendering in self._draw_batch([formulas[number] for number in batch], margin_px):
                yield batch[position], rendering

    def _draw_batch(self, formulas: Sequence[str], margin_px: int) -> Iterator[tuple[int, Rendering]]:
        """One batch: each formula's position with its rendering, in any order."""
        typesetter = Typesetter(self.params.template, self._tex, self.params.timeout_seconds)
        for printed in typesetter.typeset(formulas, margin_px):
            good: list[tuple[int, PageResult]] = []
            for position, verdict in printed.verdicts.items():
                if verdict.page is None:
                    yield position, Rendering(None, verdict.reason, verdict.detail)
                else:
                    good.append((position, verdict))
            if printed.pdf is not None and good:
                pages = printed.pdf.with_suffix(f".{self._rasterizer.reads}")
                unfit = self._unfit(pages, [verdict.page or 0 for _, verdict in good])
                for position, verdict in good:
                    if reason := unfit.get(verdict.page or 0):
                        yield position, Rendering(None, reason, _DETAILS[reason].format(margin=margin_px))
                for run in self._runs([item for item in good if item[1].page not in unfit]):
                    yield from self._rasterize(pages, run)

    def _unfit(self, pages: Path, numbers: Sequence[int]) -> dict[int, str]:
        """Those pages that cannot be drawn as they are, and why."""
        if self._rasterizer.reads == "pdf":
            return pdfium_client.shared().inspect(pages, numbers)
        most = (self.params.max_height_px, self.params.max_width_px)
        height, width = (round(pixels * document.SP_PER_INCH / self.params.dpi) for pixels in most)
        return page_checks.unfit_dvi(pages, numbers, (height, width))

    def _runs(self, good: Sequence[tuple[int, PageResult]]) -> Iterator[list[tuple[int, PageResult]]]:
        """Pages in groups whose pixels fit into the file that the rasterizer may write."""
        room = self.params.file_mb * _PIXELS_PER_MB // 2
        run: list[tuple[int, PageResult]] = []
        used = 0
        for position, verdict in good:
            area = verdict.size[0] * verdict.size[1]
            if run and used + area > room:
                yield run
                run, used = [], 0
            run.append((position, verdict))
            used += area
        if run:
            yield run

    def _rasterize(self, pdf: Path, run: Sequence[tuple[int, PageResult]]) -> Iterator[tuple[int, Rendering]]:
        """Draw a group of pages; where that fails, halve it until the page that cannot be drawn stands alone."""
        numbers = [verdict.page for _, verdict in run if verdict.page is not None]
        try:
            pages = list(self._rasterizer.pages(pdf, self.params.dpi, numbers))
        except rasterizers.RasterError as error:
            if len(run) == 1:
                self._prove_rasterizer()
                yield run[0][0], Rendering(None, "not_drawn", str(error))
                return
            half = len(run) // 2
            yield from self._rasterize(pdf, run[:half])
            yield from self._rasterize(pdf, run[half:])
            return
        for (position, verdict), pixels in zip(run, pages, strict=True):
            yield position, self._judge(pixels, verdict)

    def _prove_rasterizer(self) -> None:
        """Raise `ToolError` where the rasterizer draws not even a letter, so that no formula is to blame."""
        typesetter = Typesetter(self.params.template, self._tex, self.params.timeout_seconds)
        for printed in typesetter.typeset(["x"], self.params.template.margin_px):
            if printed.pdf is None:
                raise ToolError(f"TeX cannot set a letter: {printed.verdicts[0].reason}; see `im2latex doctor`")
            pages = printed.pdf.with_suffix(f".{self._rasterizer.reads}")
            try:
                list(self._rasterizer.pages(pages, self.params.dpi, [1]))
            except rasterizers.RasterError as error:
                raise ToolError(f"{error}; see `im2latex doctor`") from None

    def _judge(self, page: NDArray[np.uint8], verdict: PageResult) -> Rendering:
        """The cropped image of a page, or what is wrong with it."""
        height, width = page.shape if self._rasterizer.reads == "dvi" else verdict.size
        # Poppler rounds a page of whole pixels up by one at times; the row or column too many is the last.
        if height <= page.shape[0] <= height + 1 and width <= page.shape[1] <= width + 1:
            page = page[:height, :width]
        else:
            return Rendering(None, "not_drawn", f"the page is {page.shape} pixels, and should be {verdict.size}")
        box = arrays.ink_box(page)
        if box is None:
            return Rendering(None, "blank", "")
        top, bottom, left, right = box
        if right - left > self.params.max_width_px:
            return Rendering(None, "too_wide", f"{right - left} px")
        if bottom - top > self.params.max_height_px:
            return Rendering(None, "too_tall", f"{bottom - top} px")
        return Rendering(page[top:bottom, left:right].copy())
