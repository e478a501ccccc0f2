"""Inline PNG figures: images of the dataset, renderings, and overlays that show how two renderings differ.

Pixels are uint8 (H, W), 255 paper; the same pixels give the same bytes.
"""

import base64
import io
from collections import Counter, defaultdict
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rapidfuzz.distance import Levenshtein

from im2latex.errors import InputError
from im2latex.images.arrays import Pixels, crop
from im2latex.images.decode import decode_png
from im2latex.reporting.report_data import InlineImage

InkMask = NDArray[np.bool_]

INK = 128
"""Darker than this is ink."""

MAX_WIDTH_PX = 1600
MAX_HEIGHT_PX = 800
"""Larger images are shrunk, so that one photograph does not make the page too large."""


class OverlayPixel(IntEnum):
    """Value of a pixel of an overlay."""

    PAPER = 0
    BOTH = 1
    MISSED = 2
    ADDED = 3


COLOURS = {
    OverlayPixel.PAPER: (255, 255, 255),
    OverlayPixel.BOTH: (40, 42, 46),
    OverlayPixel.MISSED: (200, 64, 32),
    OverlayPixel.ADDED: (24, 110, 200),
}
"""Orange-red and blue differ for readers with any kind of colour vision."""


def grey_image(pixels: Pixels, density: float) -> InlineImage:
    """Encode uint8 (H, W); `density` is the number of image pixels in one CSS pixel."""
    return _encode(Image.fromarray(pixels), density)


def stored_image(data: bytes, density: float) -> InlineImage | None:
    """Encode a PNG of a dataset again, in grey; None where the bytes are no PNG."""
    try:
        return grey_image(decode_png(data), density)
    except InputError:
        return None


def overlay_image(overlay: NDArray[np.uint8], density: float) -> InlineImage:
    """Encode an array of `OverlayPixel` in its colours."""
    palette = np.array([COLOURS[kind] for kind in OverlayPixel], np.uint8)
    return _encode(Image.fromarray(palette[overlay]), density)


def data_uri(png: bytes) -> str:
    """The image as text inside the page."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def _encode(image: Image.Image, density: float) -> InlineImage:
    width, height = max(1, round(image.width / density)), max(1, round(image.height / density))
    image.thumbnail((MAX_WIDTH_PX, MAX_HEIGHT_PX), Image.Resampling.LANCZOS)
    if image.mode == "RGB":
        image = image.quantize(16, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return InlineImage(file.getvalue(), width, height)


def overlay(reference: Pixels, hypothesis: Pixels) -> NDArray[np.uint8]:
    """Overlay two images as a (H, W) array of `OverlayPixel`.

    Columns are aligned by their edit distance, so that one missing symbol does not colour all that follow; rows by
    the one shift on which most equal columns agree.
    """
    a, b = crop(reference, INK) < INK, crop(hypothesis, INK) < INK
    a, b = _level(a, b, _shift(a, b))
    steps = Levenshtein.opcodes([column.tobytes() for column in a.T], [column.tobytes() for column in b.T])
    pairs = [(a[:, step.src_start : step.src_end], b[:, step.dest_start : step.dest_end]) for step in steps]
    blocks = [_blend(*_same_width(left, right)) for left, right in pairs]
    return np.hstack(blocks) if blocks else np.zeros((1, 1), np.uint8)


def _shift(a: InkMask, b: InkMask) -> int:
    """Rows by which `b` must move down to cover `a`; every column shape found in both votes with its height."""
    tops: dict[bytes, Counter[int]] = defaultdict(Counter)
    for column in a.T[a.any(axis=0)]:
        shape, top = _shape(column)
        tops[shape][top] += 1
    votes: Counter[int] = Counter()
    for column in b.T[b.any(axis=0)]:
        shape, top = _shape(column)
        for other, count in tops[shape].items():
            votes[other - top] += count * len(shape)
    return min(votes, key=lambda shift: (-votes[shift], abs(shift), shift), default=0)


def _shape(column: InkMask) -> tuple[bytes, int]:
    rows = np.flatnonzero(column)
    return column[rows[0] : rows[-1] + 1].tobytes(), int(rows[0])


def _level(a: InkMask, b: InkMask, shift: int) -> tuple[InkMask, InkMask]:
    """Pad both to one height, `b` moved down by `shift` rows."""
    above_a, above_b = max(0, -shift), max(0, shift)
    height = max(above_a + len(a), above_b + len(b))
    padded = [np.pad(ink, ((above, height - above - len(ink)), (0, 0))) for ink, above in ((a, above_a), (b, above_b))]
    return padded[0], padded[1]


def _same_width(a: InkMask, b: InkMask) -> tuple[InkMask, InkMask]:
    width = max(a.shape[1], b.shape[1])
    padded = [np.pad(ink, ((0, 0), (0, width - ink.shape[1]))) for ink in (a, b)]
    return padded[0], padded[1]


def _blend(reference: InkMask, hypothesis: InkMask) -> NDArray[np.uint8]:
    colours = np.full(reference.shape, OverlayPixel.PAPER, np.uint8)
    colours[reference & hypothesis] = OverlayPixel.BOTH
    colours[reference & ~hypothesis] = OverlayPixel.MISSED
    colours[hypothesis & ~reference] = OverlayPixel.ADDED
    return colours
