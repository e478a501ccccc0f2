"""Judge predictions by their images: both strings are typeset by one renderer and their images are compared.

Neither side is ever the image the model was shown. A prediction that is missing or does not render is wrong on all
counts; so is any prediction where the reference does not render, and the reference's reason is kept.

Knows nothing of TeX: it is given a renderer.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import joblib
import numpy as np
from tqdm import tqdm

from im2latex.images.arrays import Pixels
from im2latex.images.compare import ColumnComparison, same_ink
from im2latex.metrics.ratios import Column, Columns, Score, ratio, share
from im2latex.parallel.process_guard import task
from im2latex.parallel.workers import worker_count
from im2latex.rendering.renderer import RENDER_BATCH_SIZE, Renderer, Rendering

MISSING = "missing"
"""The reason of an empty string: there is nothing to typeset."""

CHUNK = 250
"""Pairs handed to a process at a time."""


@dataclass(frozen=True, slots=True)
class ImageJudgement:
    """One pair judged, under the column names of records.SCORES."""

    compiles: bool
    reference_renders: bool
    image_exact: bool
    image_match: bool
    image_match_nospace: bool
    image_edits: int
    image_columns: int
    failure: str | None
    reference_failure: str | None


@dataclass(frozen=True, slots=True)
class _Image:
    """A rendering, packed so that a whole test set fits in memory."""

    packed: bytes
    height: int
    width: int
    reason: str | None

    @classmethod
    def of(cls, rendering: Rendering) -> "_Image":
        if rendering.pixels is None:
            return cls(b"", 0, 0, rendering.reason or "unnamed")
        height, width = rendering.pixels.shape
        return cls(zlib.compress(rendering.pixels.tobytes(), 1), height, width, None)

    def pixels(self) -> Pixels:
        flat = np.frombuffer(zlib.decompress(self.packed), np.uint8)
        return flat.reshape(self.height, self.width)


def judge_images(
    references: Sequence[str], hypotheses: Sequence[str], renderer: Renderer, progress: bool = False
) -> list[ImageJudgement]:
    """Judge each pair, on all cores; every distinct string is typeset once, every distinct pair compared once."""
    images = _typeset([*references, *hypotheses], renderer, progress)
    pairs = list(zip(references, hypotheses, strict=True))
    distinct = [(images[reference], images[hypothesis]) for reference, hypothesis in dict.fromkeys(pairs)]
    chunks = [distinct[start : start + CHUNK] for start in range(0, len(distinct), CHUNK)]
    pool = joblib.Parallel(n_jobs=min(worker_count(), len(chunks)) or 1, return_as="generator")
    shown = tqdm(total=len(distinct), desc="compare", disable=None if progress else True)
    judged: list[ImageJudgement] = []
    with shown:
        for part in pool(task(_judge_all)(chunk) for chunk in chunks):
            judged += part
            shown.update(len(part))
    found = dict(zip(dict.fromkeys(pairs), judged, strict=True))
    return [found[pair] for pair in pairs]


def _typeset(formulas: Sequence[str], renderer: Renderer, progress: bool) -> dict[str, _Image]:
    distinct = [formula for formula in dict.fromkeys(formulas) if formula.strip()]
    images = {formula: _Image(b"", 0, 0, MISSING) for formula in formulas if not formula.strip()}
    with tqdm(total=len(distinct), desc="typeset", disable=None if progress else True) as bar:
        for start in range(0, len(distinct), RENDER_BATCH_SIZE):
            batch = distinct[start : start + RENDER_BATCH_SIZE]
            images |= {formula: _Image.of(one) for formula, one in zip(batch, renderer.render(batch), strict=True)}
            bar.update(len(batch))
    return images


def _judge_all(pairs: Sequence[tuple[_Image, _Image]]) -> list[ImageJudgement]:
    return [_judge(*pair) for pair in pairs]


def _judge(reference: _Image, hypothesis: _Image) -> ImageJudgement:
    compiles, reference_renders = hypothesis.reason is None, reference.reason is None
    if not (compiles and reference_renders):
        # Nothing to align with: every column there is counts as an edit, and one where there is no image at all.
        columns = max(reference.width, hypothesis.width, 1)
        verdicts = (False, False, False, columns, columns)
    elif reference == hypothesis:
        verdicts = (True, True, True, 0, reference.width)
    else:
        a, b = reference.pixels(), hypothesis.pixels()
        both = ColumnComparison(a, b)
        verdicts = (same_ink(a, b), both.match, both.match_nospace, both.edits, max(a.shape[1], b.shape[1]))
    return ImageJudgement(compiles, reference_renders, *verdicts, hypothesis.reason, reference.reason)


def image_edit(sums: Columns) -> Column:
    """1 - (sum of column edits) / (sum of the larger widths); 1 is perfect. As in im2markup (Deng et al. 2017)."""
    return 1 - ratio(sums["image_edits"], sums["image_columns"], empty=1.0)


IMAGE_SCORES: Mapping[str, Score] = MappingProxyType(
    {name: share(name) for name in ("image_exact", "image_match", "image_match_nospace")}
    | {"image_edit": image_edit, "compiles": share("compiles")}
)
