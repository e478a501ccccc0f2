"""Judge predictions by their pictures: both strings are typeset by one renderer and their pictures are compared.

Neither side is ever the picture the model was shown. A prediction that is missing or does not render is wrong on all
counts; so is any prediction where the reference does not render, and the reference's reason is kept.

Knows nothing of TeX: it is given a renderer.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from tqdm import tqdm

from im2latex.imaging.compare import column_edit, match, match_nospace, same_ink
from im2latex.imaging.raster import Pixels
from im2latex.rendering.engine import Renderer, Rendering
from im2latex.scoring.sums import Column, Columns, Score, ratio, share

MISSING = "missing"
"""The reason of an empty string: there is nothing to typeset."""

BATCH = 1000
"""Formulas given to the renderer at once; bounds the pictures held as whole bytes."""


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
class _Picture:
    """A rendering, packed so that a whole test set fits in memory."""

    packed: bytes
    height: int
    width: int
    reason: str | None

    @classmethod
    def of(cls, rendering: Rendering) -> "_Picture":
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
    """Judge each pair; every distinct string is typeset once."""
    pictures = _typeset([*references, *hypotheses], renderer, progress)
    pairs = zip(references, hypotheses, strict=True)
    shown = tqdm(pairs, "compare", len(references), disable=None if progress else True)
    return [_judge(pictures[reference], pictures[hypothesis]) for reference, hypothesis in shown]


def _typeset(formulas: Sequence[str], renderer: Renderer, progress: bool) -> dict[str, _Picture]:
    distinct = [formula for formula in dict.fromkeys(formulas) if formula.strip()]
    pictures = {formula: _Picture(b"", 0, 0, MISSING) for formula in formulas if not formula.strip()}
    with tqdm(total=len(distinct), desc="typeset", disable=None if progress else True) as bar:
        for start in range(0, len(distinct), BATCH):
            batch = distinct[start : start + BATCH]
            pictures |= {formula: _Picture.of(one) for formula, one in zip(batch, renderer.render(batch), strict=True)}
            bar.update(len(batch))
    return pictures


def _judge(reference: _Picture, hypothesis: _Picture) -> ImageJudgement:
    compiles, reference_renders = hypothesis.reason is None, reference.reason is None
    if not (compiles and reference_renders):
        # Nothing to align with: every column there is counts as an edit, and one where there is no picture at all.
        columns = max(reference.width, hypothesis.width, 1)
        verdicts = (False, False, False, columns, columns)
    elif reference == hypothesis:
        verdicts = (True, True, True, 0, reference.width)
    else:
        a, b = reference.pixels(), hypothesis.pixels()
        verdicts = (same_ink(a, b), match(a, b), match_nospace(a, b), column_edit(a, b), max(a.shape[1], b.shape[1]))
    return ImageJudgement(compiles, reference_renders, *verdicts, hypothesis.reason, reference.reason)


def image_edit(sums: Columns) -> Column:
    """1 - (sum of column edits) / (sum of the larger widths); 1 is perfect. As in im2markup (Deng et al. 2017)."""
    return 1 - ratio(sums["image_edits"], sums["image_columns"], empty=1.0)


IMAGE_SCORES: Mapping[str, Score] = MappingProxyType(
    {name: share(name) for name in ("image_exact", "image_match", "image_match_nospace")}
    | {"image_edit": image_edit, "compiles": share("compiles")}
)
