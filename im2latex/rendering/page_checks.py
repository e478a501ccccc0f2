"""Inspection of DVI pages before they are drawn: the size of their ink, and whether it is more than a formula can mean.

A page of DVI has no edges; `pdfium_worker` looks at pages of PDF, which have.
"""

from collections.abc import Sequence
from pathlib import Path

from im2latex.rendering.glyph_boxes import dvi, tfm
from im2latex.rendering.rasterizers.pdfium_worker import MOST_COVER, MOST_OBJECTS


def unfit_dvi(path: Path, numbers: Sequence[int], most: tuple[int, int]) -> dict[int, str]:
    """Those of the pages `numbers` of a DVI file that cannot be drawn as they are, and why.

    A page of DVI has no edges: the ink, as the boxes of characters bound it, may be `most` (height, width) scaled
    points large, else it is "too_tall" or "too_wide"; or it is "too_complex".
    """
    pages = list(dvi.pages(path.read_bytes(), tfm.load, MOST_OBJECTS))
    found = {number: _dvi_fault(pages[number - 1], *most) for number in numbers}
    return {number: fault for number, fault in found.items() if fault is not None}


def _dvi_fault(marks: Sequence[dvi.Mark] | None, most_height: int, most_width: int) -> str | None:
    if marks is None:
        return "too_complex"
    if not marks:
        return None
    height = max(mark.y + mark.depth for mark in marks) - min(mark.y - mark.height for mark in marks)
    width = max(mark.x + mark.width for mark in marks) - min(mark.x for mark in marks)
    if height > most_height:
        return "too_tall"
    if width > most_width:
        return "too_wide"
    covered = sum((mark.height + mark.depth) * mark.width for mark in marks)
    return "too_complex" if covered > MOST_COVER * max(1, height) * max(1, width) else None
