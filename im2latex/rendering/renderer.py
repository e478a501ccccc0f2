"""Renderers: formulas to images, or to the reason why there is none.

`Renderer` is the protocol that callers depend on, so that tests do without TeX. `TexRenderer` checks, typesets and
rasterizes formulas in batches, on one core: callers distribute batches to processes, each with a renderer of its own,
which is cheap to create and to pickle (`ParallelRenderer`).
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Protocol, TypeVar

from PIL import Image
from pydantic import Field

from im2latex.errors import LatexError, ToolError
from im2latex.images import arrays
from im2latex.images.arrays import Pixels
from im2latex.parallel.process_pool import map_chunks, map_parallel
from im2latex.rendering import document, sanitize, tex_format, tex_process
from im2latex.rendering.fonts import RECOMMENDED
from im2latex.rendering.rasterizers.base import Rasterizer, RasterizerError
from im2latex.rendering.rasterizers.pdfium_worker import MAX_COVERAGE, MAX_OBJECTS
from im2latex.rendering.rasterizers.registry import RasterizerName, create_rasterizer
from im2latex.rendering.tex_log import PageResult
from im2latex.rendering.typesetter import Typesetter, cpu_seconds
from im2latex.sandbox import process
from im2latex.sandbox.resource_limits import ProcessLimits

T = TypeVar("T")
R = TypeVar("R")
_PIXELS_PER_MB = 1 << 20
_FAULT_DETAILS = {
    "clipped": "ink lies over {margin} px outside the box",
    "too_wide": "its ink",
    "too_tall": "its ink",
    "too_complex": f"over {MAX_OBJECTS:,} pieces of ink, or the page covered {MAX_COVERAGE} times",
}

RENDER_BATCH_SIZE = 1000
"""Formulas that callers pass to a renderer in one call; bounds the memory that their images take."""
CHUNK_SIZES = (250, 1000)
"""Least and most formulas in one task of a worker process; have no influence on the images."""


class RenderParams(document.PageParams, ProcessLimits):
    """Parameters of the renderer: TeX, template, rasterizer and limits."""

    template: document.TemplateParams = Field(default=document.TemplateParams(), description="the TeX document")
    rasterizer: RasterizerName = Field(default="ghostscript", description="the program that draws the pages")
    batch_size: int = Field(
        default=1000, ge=1, le=2000, description="formulas in one TeX run; has no influence on the images"
    )
    commands: tuple[str, ...] = Field(
        default=(), description="commands that formulas may use beside those of LaTeX, the packages and extra_preamble"
    )

    def with_commands(self, names: Iterable[str]) -> "RenderParams":
        """The same params with more commands that formulas may use."""
        return self.model_copy(update={"commands": tuple(sorted({*self.commands, *names}))})

    @property
    def extra_commands(self) -> frozenset[str]:
        """Commands and environments that formulas may use beside the list of `im2latex.latex.allowed_commands`."""
        return sanitize.template_commands(self.template) | set(self.commands)


@dataclass(frozen=True)
class Rendering:
    """An image cropped to its ink, uint8 (H, W), 255 paper and 0 ink; or the reason why there is none."""

    pixels: Pixels | None
    reason: str | None = None
    detail: str = ""


class Renderer(Protocol):
    """Renders formulas; the image of one does not depend on the others."""

    @property
    def identity(self) -> str:
        """A hash of everything except the formula that decides the pixels."""

    def render(self, formulas: Sequence[str]) -> list[Rendering]:
        """Render each formula, in order; no formula raises an exception, but tools that do not work do."""


def render(formula: str, params: RenderParams | None = None) -> Image.Image:
    r"""Render one formula as a grey PIL image, cropped to its ink; a `TexRenderer` is faster for many.

    >>> import im2latex
    >>> im2latex.render(r"\frac{a}{b}", im2latex.RenderParams(dpi=100)).mode
    'L'

    Raises `LatexError` where the formula is refused or does not compile, and `ToolError` without TeX.
    """
    (rendering,) = TexRenderer(params).render([formula])
    if rendering.pixels is None:
        raise LatexError(rendering.reason or "not_rendered", rendering.detail)
    return Image.fromarray(rendering.pixels)


class ParallelRenderer(Renderer):
    """Renders with copies of `renderer` in worker processes, on all cores."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    @property
    def identity(self) -> str:
        return self._renderer.identity

    def render(self, formulas: Sequence[str]) -> list[Rendering]:
        return list(map_chunks(self._renderer.render, formulas, CHUNK_SIZES))

    def map(self, function: Callable[[Renderer, T], R], items: Sequence[T]) -> Iterator[R]:
        """The result of a function of a renderer and an item, for each item, in order; computed in the workers."""
        return map_parallel(partial(function, self._renderer), items)


def map_with_renderer(renderer: Renderer, function: Callable[[Renderer, T], R], items: Sequence[T]) -> Iterator[R]:
    """The result of a function of a renderer and an item, for each item, in order.

    With a `ParallelRenderer` worker processes compute it, so that renderings which only the function needs stay there.
    """
    if isinstance(renderer, ParallelRenderer):
        return renderer.map(function, items)
    return (function(renderer, item) for item in items)


class TexRenderer:
    """Renders with pdfTeX and one of the rasterizers; raises `ToolError` where one is missing."""

    def __init__(
        self,
        params: RenderParams | None = None,
        cache: Path | None = None,
        pool_size: int = 0,
        background: bool = False,
    ) -> None:
        """`cache` is the folder of the formats. `pool_size` started TeX processes wait for `render_one` until `close`.

        In the `background` TeX has the lowest priority.
        """
        self.params = params or RenderParams()
        self._cache = cache
        self._pool_size = pool_size
        self._background = background

    @cached_property
    def identity(self) -> str:
        """A hash of template, page setup, TeX with all files of the preamble, and rasterizer."""
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
        """Compile the preamble if that has not been done, so that worker processes only load it."""
        self._tex  # noqa: B018  the property builds it

    def close(self) -> None:
        """End the processes of the pool."""
        tex = vars(self).pop("_tex", None)
        if isinstance(tex, tex_process.TexPool):
            tex.close()

    def render(self, formulas: Sequence[str]) -> list[Rendering]:
        """Render each formula, in order; raises `ToolError` where TeX or the rasterizer does not work at all."""
        try:
            return self._render(formulas)
        except ToolError:
            if self._format.intact:
                raise
        self.close()
        vars(self).pop("_format")
        return self._render(formulas)

    def render_one(self, formula: str) -> Rendering:
        """Render a formula that a user is waiting for; `benchmarks.rendering` measures the time."""
        (rendering,) = self.render([formula])
        return rendering

    def self_test(self) -> None:
        """Typeset a letter and draw it; raises `ToolError` where that fails."""
        for batch in self._typesetter.typeset(["x"], self.params.template.margin_px):
            if batch.pdf is None:
                raise ToolError(f"TeX cannot set a letter: {batch.results[0].reason}; see `im2latex doctor`")
            try:
                self._rasterizer.self_test(self._pages_file(batch.pdf), self.params.dpi)
            except RasterizerError as error:
                raise ToolError(f"{error}; see `im2latex doctor`") from None

    def _render(self, formulas: Sequence[str]) -> list[Rendering]:
        accepted, refused = sanitize.partition(formulas, self.params.extra_commands)
        results = {number: Rendering(None, error.reason, error.detail) for number, error in refused.items()}
        results |= dict(self._draw(accepted))
        return [results[number] for number in range(len(formulas))]

    @cached_property
    def _preamble(self) -> str:
        return document.preamble(self.params.template, self.params, self._rasterizer.input_format)

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
        launcher = tex_process.TexLauncher(self._format, self.params, self._background)
        if not self._pool_size:
            return launcher
        return tex_process.TexPool(launcher, cpu_seconds(self.params.timeout_seconds, 1), self._pool_size)

    @cached_property
    def _rasterizer(self) -> Rasterizer:
        return create_rasterizer(self.params.rasterizer, self.params)

    @property
    def _typesetter(self) -> Typesetter:
        return Typesetter(self.params.template, self._tex, self.params.timeout_seconds)

    def _pages_file(self, pdf: Path) -> Path:
        return pdf.with_suffix(f".{self._rasterizer.input_format}")

    def _draw(self, formulas: Mapping[int, str]) -> Iterator[tuple[int, Rendering]]:
        """Each formula's number with its rendering, in any order."""
        template = self.params.template
        clipped: dict[int, str] = {}
        for number, rendering in self._draw_with_margin(formulas, template.margin_px):
            if rendering.reason == "clipped":
                clipped[number] = formulas[number]
            else:
                yield number, rendering
        # Rare, so that all others may have small pages, which are faster to draw; all at once, which costs one more
        # start of TeX.
        yield from self._draw_with_margin(clipped, template.max_margin_px)

    def _draw_with_margin(self, formulas: Mapping[int, str], margin_px: int) -> Iterator[tuple[int, Rendering]]:
        """The same in batches, with one margin for all."""
        numbers = list(formulas)
        for start in range(0, len(numbers), self.params.batch_size):
            batch = numbers[start : start + self.params.batch_size]
            for position, rendering in self._draw_batch([formulas[number] for number in batch], margin_px):
                yield batch[position], rendering

    def _draw_batch(self, formulas: Sequence[str], margin_px: int) -> Iterator[tuple[int, Rendering]]:
        """One batch: each formula's position with its rendering, in any order."""
        for batch in self._typesetter.typeset(formulas, margin_px):
            typeset: list[tuple[int, PageResult]] = []
            for position, result in batch.results.items():
                if result.page is None:
                    yield position, Rendering(None, result.reason, result.detail)
                else:
                    typeset.append((position, result))
            if batch.pdf is None or not typeset:
                continue
            path = self._pages_file(batch.pdf)
            faults = self._rasterizer.page_faults(path, [result.page or 0 for _, result in typeset], self._max_size)
            for position, result in typeset:
                if reason := faults.get(result.page or 0):
                    yield position, Rendering(None, reason, _FAULT_DETAILS[reason].format(margin=margin_px))
            for group in self._groups([item for item in typeset if item[1].page not in faults]):
                yield from self._rasterize(path, group)

    @property
    def _max_size(self) -> tuple[int, int]:
        """The largest height and width of a formula in scaled points."""
        scale = document.SP_PER_INCH / self.params.dpi
        return round(self.params.max_height_px * scale), round(self.params.max_width_px * scale)

    def _groups(self, typeset: Sequence[tuple[int, PageResult]]) -> Iterator[list[tuple[int, PageResult]]]:
        """Pages in groups whose pixels fit into the largest file that the rasterizer may write."""
        max_pixels = self.params.file_mb * _PIXELS_PER_MB // 2
        group: list[tuple[int, PageResult]] = []
        pixels = 0
        for position, result in typeset:
            area = result.size[0] * result.size[1]
            if group and pixels + area > max_pixels:
                yield group
                group, pixels = [], 0
            group.append((position, result))
            pixels += area
        if group:
            yield group

    def _rasterize(self, path: Path, group: Sequence[tuple[int, PageResult]]) -> Iterator[tuple[int, Rendering]]:
        """Draw a group of pages; after a failure draw the rest in halves, down to the page that cannot be drawn."""
        numbers = [result.page for _, result in group if result.page is not None]
        drawn = 0
        try:
            pages = self._rasterizer.pages(path, self.params.dpi, numbers)
            for (position, result), pixels in zip(group, pages, strict=True):
                yield position, self._cropped(pixels, result)
                drawn += 1
        except RasterizerError as error:
            rest = group[drawn:]
            if len(rest) == 1:
                self.self_test()
                yield rest[0][0], Rendering(None, "not_drawn", str(error))
                return
            half = len(rest) // 2
            yield from self._rasterize(path, rest[:half])
            yield from self._rasterize(path, rest[half:])

    def _cropped(self, page: Pixels, result: PageResult) -> Rendering:
        """The image of a page, cropped to its ink, or the reason why there is none."""
        height, width = result.size if self._rasterizer.fixed_page_size else page.shape
        # Poppler at times rounds a page of whole pixels up by one; the last row or column is then the extra one.
        if height <= page.shape[0] <= height + 1 and width <= page.shape[1] <= width + 1:
            page = page[:height, :width]
        else:
            return Rendering(None, "not_drawn", f"the page is {page.shape} pixels, and should be {result.size}")
        box = arrays.ink_box(page)
        if box is None:
            return Rendering(None, "blank", "")
        top, bottom, left, right = box
        if right - left > self.params.max_width_px:
            return Rendering(None, "too_wide", f"{right - left} px")
        if bottom - top > self.params.max_height_px:
            return Rendering(None, "too_tall", f"{bottom - top} px")
        return Rendering(page[top:bottom, left:right].copy())
