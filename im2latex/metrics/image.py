"""Image metrics: both strings are typeset by one renderer, and the two renderings are compared.

Neither side is ever the image that the model read. A prediction that is missing or does not render is wrong on every
count, as is any prediction whose reference does not render; the reasons are kept.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import NamedTuple

import deflate
import numpy as np
from tqdm import tqdm

from im2latex.images.arrays import Pixels
from im2latex.images.compare import ColumnComparison, same_ink
from im2latex.metrics.bootstrap import Column, Columns, ratio
from im2latex.parallel.process_pool import split
from im2latex.rendering.renderer import Renderer, Rendering, map_with_renderer

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
    """A rendering, compressed so that worker processes may have it at little cost."""

    packed: bytes
    height: int
    width: int
    reason: str | None

    @classmethod
    def of(cls, rendering: Rendering) -> "_PackedImage":
        if rendering.pixels is None:
            return cls(b"", 0, 0, rendering.reason)
        height, width = rendering.pixels.shape
        return cls(bytes(deflate.zlib_compress(rendering.pixels.tobytes(), 1)), height, width, None)

    def rendering(self) -> Rendering:
        if not self.packed:
            return Rendering(None, self.reason)
        flat = np.frombuffer(deflate.zlib_decompress(self.packed, self.height * self.width), np.uint8)
        return Rendering(flat.reshape(self.height, self.width))


class _Task(NamedTuple):
    """Pairs for a worker process, and the images of their strings that other tasks need too."""

    pairs: Sequence[tuple[str, str]]
    shared: Mapping[str, _PackedImage]


def compare_renderings(
    references: Sequence[str],
    hypotheses: Sequence[str],
    renderer: Renderer,
    functions: Sequence[ImageCounts] = (image_counts,),
    progress: bool = False,
) -> list[ImageComparison]:
    """Compare each pair by every function, with a `ParallelRenderer` on all cores.

    Each distinct string is typeset once, and each distinct pair compared once. The process that typesets a string also
    compares it, so that few images pass from one process to another.
    """
    pairs = list(zip(references, hypotheses, strict=True))
    # All pairs of a reference follow each other, so that most strings are needed in one task only.
    places = {reference: place for place, reference in enumerate(dict.fromkeys(references))}
    distinct = sorted(dict.fromkeys(pairs), key=lambda pair: places[pair[0]])
    tasks = _with_shared_images(split(distinct, CHUNK_SIZES), renderer)
    compared = chain.from_iterable(map_with_renderer(renderer, partial(_compare_all, functions), tasks))
    bar = tqdm(compared, "compare images", total=len(distinct), disable=None if progress else True)
    found = dict(zip(distinct, bar, strict=True))
    return [found[pair] for pair in pairs]


def _with_shared_images(chunks: Sequence[Sequence[tuple[str, str]]], renderer: Renderer) -> list[_Task]:
    strings = [_strings(chunk) for chunk in chunks]
    times = Counter(chain.from_iterable(strings))
    several = [text for text, count in times.items() if count > 1]
    packed = chain.from_iterable(map_with_renderer(renderer, _typeset_packed, split(several, CHUNK_SIZES)))
    images = dict(zip(several, packed, strict=True))
    return [
        _Task(chunk, {text: images[text] for text in needed if text in images})
        for chunk, needed in zip(chunks, strings, strict=True)
    ]


def _strings(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """The distinct strings that can be typeset."""
    return [text for text in dict.fromkeys(chain.from_iterable(pairs)) if text.strip()]


def _typeset_packed(renderer: Renderer, formulas: Sequence[str]) -> list[_PackedImage]:
    return [_PackedImage.of(rendering) for rendering in renderer.render(formulas)]


def _compare_all(functions: Sequence[ImageCounts], renderer: Renderer, task: _Task) -> list[ImageComparison]:
    own = [text for text in _strings(task.pairs) if text not in task.shared]
    drawn = dict(zip(own, renderer.render(own), strict=True))
    drawn |= {text: image.rendering() for text, image in task.shared.items()}
    missing = Rendering(None, MISSING)
    return [
        _compare(drawn.get(reference, missing), drawn.get(hypothesis, missing), functions)
        for reference, hypothesis in task.pairs
    ]


def _compare(reference: Rendering, hypothesis: Rendering, functions: Sequence[ImageCounts]) -> ImageComparison:
    first, second = reference.pixels, hypothesis.pixels
    counts = {name: count for function in functions for name, count in function(first, second).items()}
    return ImageComparison(counts, hypothesis.reason, reference.reason)


def image_edit_similarity(sums: Columns) -> Column:
    """1 - (sum of column edits) / (sum of the larger widths); 1 is perfect. As in im2markup (Deng et al. 2017)."""
    return 1 - ratio(sums["image_edits"], sums["image_columns"], empty=1.0)
