"""dvipng rasterizer, which reads DVI instead of PDF."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from im2latex.images.arrays import Pixels
from im2latex.images.decode import decode_png
from im2latex.rendering.glyph_boxes import dvi
from im2latex.rendering.rasterizers.base import Rasterizer, RasterizerError, run_program, stderr_tail
from im2latex.rendering.rasterizers.pdfium_worker import MAX_COVERAGE, MAX_OBJECTS
from im2latex.rendering.tex_format import TEX_ENVIRONMENT, tex_trees
from im2latex.sandbox import process
from im2latex.sandbox.sandbox import FileAccess


class Dvipng(Rasterizer):
    """Draws all pages in one run, which writes a file for each, with the gamma of Sphinx and of the old MediaWiki.

    Glyphs start at whole pixels, and strokes are bolder than those of other rasterizers. A page with anything that
    dvipng does not know, such as a scaled box, is not drawn.
    """

    name = "dvipng"
    input_format = "dvi"
    programs = ("dvipng",)
    optional = True
    fixed_page_size = False
    flags = ("-q", "--picky", "--nogs", "--norawps", "-T", "tight", "-bg", "rgb 1 1 1", "-gamma", "1.5")

    def identity(self) -> str:
        lines = process.output_lines("dvipng", "--version")
        freetype = " ".join(line for line in lines if line.startswith("Using libft"))
        return f"{lines[1]} {freetype} {' '.join(self.flags)}"

    def pages(self, path: Path, dpi: int, numbers: Sequence[int]) -> Iterator[Pixels]:
        # The pages get a file of their own: an error on a page that dvipng skips costs the next one that it draws.
        selection = path.with_name("selection.dvi")
        try:
            selection.write_bytes(dvi.select(path.read_bytes(), dvi.load_metrics, numbers))
        except ValueError as error:
            raise RasterizerError(f"{path}: {error}") from None
        files = [path.parent / f"{position:09d}.png" for position, _ in enumerate(numbers, 1)]
        command = ["dvipng", *self.flags, "-D", str(dpi), "-o", "%09d.png", selection.name]
        access = FileAccess(read=tex_trees())
        done = run_program(command, path, len(numbers), self.limits, access, TEX_ENVIRONMENT)
        if not all(file.exists() for file in files):
            raise RasterizerError(f"dvipng did not draw all pages: {stderr_tail(done)}")
        for file in files:
            yield decode_png(file.read_bytes())
            file.unlink()

    def page_faults(self, path: Path, numbers: Sequence[int], max_size: tuple[int, int]) -> dict[int, str]:
        """Compare the ink, as the boxes of characters bound it, with `max_size`: a DVI page has no edges."""
        pages = list(dvi.pages(path.read_bytes(), dvi.load_metrics, MAX_OBJECTS))
        faults = {number: _dvi_page_fault(pages[number - 1], *max_size) for number in numbers}
        return {number: fault for number, fault in faults.items() if fault is not None}


def _dvi_page_fault(marks: Sequence[dvi.Mark] | None, max_height: int, max_width: int) -> str | None:
    if marks is None:
        return "too_complex"
    if not marks:
        return None
    height = max(mark.y + mark.depth for mark in marks) - min(mark.y - mark.height for mark in marks)
    width = max(mark.x + mark.width for mark in marks) - min(mark.x for mark in marks)
    if height > max_height:
        return "too_tall"
    if width > max_width:
        return "too_wide"
    covered = sum((mark.height + mark.depth) * mark.width for mark in marks)
    return "too_complex" if covered > MAX_COVERAGE * max(1, height) * max(1, width) else None
