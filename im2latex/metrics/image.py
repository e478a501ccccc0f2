"""Image metrics: both strings are typeset by one renderer, and the two renderings are compared.

Neither side is ever the image that the model read. A prediction that is missing or does not render is wrong on every
count, as is any prediction whose reference does not render; the reasons are kept.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import deflate
import numpy as np
from tqdm import tqdm

from im2latex.images.arrays import Pixels
from im2latex.images.compare import ColumnComparison, same_ink
from im2latex.metrics.bootstrap import Column, Columns, ratio
from im2latex.parallel.process_pool import map_chunks
from im2latex.rendering.renderer import Renderer, Rendering, render_each

MISSING = "missing"
"""The reason of an empty string: there is nothing to typeset."""

CHUNK_SIZES = (250, 500)
"""Least and most pairs sent to a worker process at a time."""

ImageCounts = Callable[[Pixels | None, Pixels | None], Mapping[str, float]]
"""Counts of one pair of renderings, (reference, hypothesis); None where a side does not render."""


def image_counts(reference: Pixels | None, hypothesis: Pixels | None) -> dict[str, float]:
    """Count, for one pair of renderings, what the image metrics are computed from.

    Without both renderings there is nothing to align: every pixel column is an edit, and at least one.
    """
    rendered = {"compiles": hypothesis is not None, "reference_renders": reference is not None}
    if reference is None or hypothesis is None:
        width = max(1, *(image.shape[1] for image in (reference, hypothesis) if image is not None), 0)
        found = (False, False, False, width, width)
    elif np.array_equal(reference, hypothesis):
        found = (True, True, True, 0, reference.shape[1])
    else:
        columns = ColumnComparison(reference, hypothesis)
        width = max(reference.shape[1], hypothesis.shape[1])
        found = (same_ink(reference, hypothesis), columns.match, columns.match_nospace, columns.edits, width)
    names = ("image_exact", "image_match", "image_match_nospace", "image_edits", "image_columns")
    return rendered | dict(zip(names, found, strict=True))


class ImageComparison(NamedTuple):
    """The counts of one pair, and why the hypothesis or the reference does not render, where it does not."""

    counts: Mapping[str, float]
    failure: str | None
    reference_failure: str | None


@dataclass(frozen=True, slots=True)
class _PackedImage:
    """A rendering, compressed so that those of a whole test set fit in memory."""

    packed: bytes
    height: int
    width: int
    reason: str | None

    @classmethod
    def of(cls, rendering: Rendering) -> "_PackedImage":
        if rendering.pixels is None:
            return cls(b"", 0, 0, rendering.reason or "unnamed")
        height, width = rendering.pixels.shape
        return cls(bytes(deflate.zlib_compress(rendering.pixels.tobytes(), 1)), height, width, None)

    def pixels(self) -> Pixels | None:
        if self.reason is not None:
            return None
        flat = np.frombuffer(deflate.zlib_decompress(self.packed, self.height * self.width), np.uint8)
        return flat.reshape(self.height, self.width)


def compare_renderings(
    references: Sequence[str],
    hypotheses: Sequence[str],
    renderer: Renderer,
    functions: Sequence[ImageCounts] = (image_counts,),
    progress: bool = False,
) -> list[ImageComparison]:
    """Compare each pair by every function, on all cores.

    Each distinct string is typeset once, and each distinct pair compared once.
    """
    images = _typeset([*references, *hypotheses], renderer, progress)
    pairs = list(zip(references, hypotheses, strict=True))
    distinct = [(images[reference], images[hypothesis]) for reference, hypothesis in dict.fromkeys(pairs)]
    compared = map_chunks(partial(_compare_all, functions), distinct, CHUNK_SIZES)
    bar = tqdm(compared, "compare", total=len(distinct), disable=None if progress else True)
    found = dict(zip(dict.fromkeys(pairs), bar, strict=True))
    return [found[pair] for pair in pairs]


def _typeset(formulas: Sequence[str], renderer: Renderer, progress: bool) -> dict[str, _PackedImage]:
    distinct = [formula for formula in dict.fromkeys(formulas) if formula.strip()]
    drawn = render_each(renderer, _PackedImage.of, distinct)
    bar = tqdm(drawn, "typeset", total=len(distinct), disable=None if progress else True)
    images = {formula: _PackedImage(b"", 0, 0, MISSING) for formula in formulas if not formula.strip()}
    return images | dict(zip(distinct, bar, strict=True))


def _compare_all(
    functions: Sequence[ImageCounts], pairs: Sequence[tuple[_PackedImage, _PackedImage]]
) -> list[ImageComparison]:
    return [_compare(*pair, functions) for pair in pairs]


def _compare(reference: _PackedImage, hypothesis: _PackedImage, functions: Sequence[ImageCounts]) -> ImageComparison:
    first, second = reference.pixels(), hypothesis.pixels()
    counts = {name: count for function in functions for name, count in function(first, second).items()}
    return ImageComparison(counts, hypothesis.reason, reference.reason)


def image_edit_similarity(sums: Columns) -> Column:
    """1 - (sum of column edits) / (sum of the larger widths); 1 is perfect. As in im2markup (Deng et al. 2017)."""
    return 1 - ratio(sums["image_edits"], sums["image_columns"], empty=1.0)
