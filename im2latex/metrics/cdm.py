"""CDM: do the same symbols stand in the same places? Judged on symbols as TeX set them, never on strings or pixels.

Character detection matching of Wang et al., "Image Over Text: Transforming Formula Recognition Evaluation with
Character Detection Matching" (CVPR 2025), section 3, with the constants of its published program. Symbols are paired
by the Hungarian method; pairs that do not fit one of a few movements of the image are given up, then those whose
symbols differ; the score of a sample is F1 = 2 * pairs / (symbols of both). `cdm` is the mean, `cdm_exact` the share
of samples where it is 1.

What differs from the published program, and why:

- Symbols and boxes come from TeX's own output, in place of one colour a token and a search of the drawn image for
  each, which is slow. So a box is TeX's box of the character, not the bounds of its ink. Names such as `\\sin` are a
  symbol a letter there too. A rule is a symbol wherever it stands, so lines of a table count.
- A symbol is a character of a font family: bold x is not x, while two commands that print the same are the same. The
  published program compares names of tokens, forgives fonts, and has a list of synonyms at a cost of 0.05.
- Movements are found among all pairs of points, or 50 drawn with a fixed seed where there are more, and that of the
  median shift, in place of 50 random ones without: the same input has the same score. The scale is taken about the
  centre of the two points, there about that of all, so that a movement fits the points it was made of.
- F1 is not rounded to three decimals, so 1 means all symbols.
- A reference that does not render counts 0 like a prediction that does not; there it is left out of the mean.

Kept as it is: a pair may be off by 20 pixels. So both numbers forgive spaces, a subscript for a superscript and two
narrow neighbours that change places (`benchmarks.metrics corruptions` shows how often). `cdm_strict`, the mean of a
second F1 of the same pairs, forgives none of these (`placement`); `image_exact` gives no part of a point.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from tqdm import tqdm

from im2latex.metrics.placement import placed_pairs, same_places
from im2latex.metrics.ratios import Score, share
from im2latex.rendering.glyph_boxes.reader import GlyphReader
from im2latex.rendering.glyph_boxes.symbols import GlyphBoxes

Array = NDArray[np.float64]

MOST_SYMBOLS = 2000
"""Pairs of formulas with more are 0 unless equal, since matching takes time with the cube of their number. The largest
of 11,625 real formulas has 408 (`benchmarks.metrics symbols`)."""
BATCH = 2000
"""Formulas typeset between two signs of progress."""

_COST_LABEL, _COST_PLACE, _COST_ORDER = 1.0, 0.05, 0.15
_PADDING_PX = 8  # paper around the published images, which places are fractions of
_RESIDUAL_PX = 20
_ROUNDS = 5
_TRIALS = 50
_SEED = 42

CDM_SCORES: Mapping[str, Score] = MappingProxyType({name: share(name) for name in ("cdm", "cdm_exact", "cdm_strict")})


class Match(NamedTuple):
    """F1 of one pair, 0..1: over the symbols that match, and over those that also agree in place and size."""

    cdm: float
    cdm_strict: float


NOTHING, EVERYTHING = Match(0.0, 0.0), Match(1.0, 1.0)


def judge_symbols(
    references: Sequence[str], hypotheses: Sequence[str], reader: GlyphReader, progress: bool = False
) -> list[Match]:
    """The match of each pair; every distinct string is typeset once, every distinct pair judged once."""
    distinct = [formula for formula in dict.fromkeys([*references, *hypotheses]) if formula.strip()]
    found: dict[str, GlyphBoxes | None] = {}
    with tqdm(total=len(distinct), desc="symbols", disable=None if progress else True) as bar:
        for start in range(0, len(distinct), BATCH):
            batch = distinct[start : start + BATCH]
            found |= {formula: one.glyphs for formula, one in zip(batch, reader.read(batch), strict=True)}
            bar.update(len(batch))
    judged: dict[tuple[str, str], Match] = {}
    pairs = list(zip(references, hypotheses, strict=True))
    for pair in tqdm(dict.fromkeys(pairs), "match", disable=None if progress else True):
        reference, hypothesis = (found.get(formula) for formula in pair)
        judged[pair] = NOTHING if reference is None or hypothesis is None else match(reference, hypothesis)
    return [judged[pair] for pair in pairs]


def match(reference: GlyphBoxes, hypothesis: GlyphBoxes) -> Match:
    """Match one pair; `cdm` is 1 if and only if every symbol of both is paired."""
    sizes = len(reference.labels), len(hypothesis.labels)
    if reference.labels == hypothesis.labels and np.array_equal(reference.boxes, hypothesis.boxes):
        return EVERYTHING
    if not min(sizes) or max(sizes) > MOST_SYMBOLS:
        return NOTHING
    differ = _labels_differ(reference, hypothesis)
    rows, columns = linear_sum_assignment(
        _COST_LABEL * differ + _COST_PLACE * _place_cost(reference, hypothesis) + _COST_ORDER * _order_cost(*sizes)
    )
    fits = _fits_a_movement(_centres(reference)[rows], _centres(hypothesis)[columns])
    right = differ[rows, columns] == 0
    cdm = 2 * int((fits & right).sum()) / sum(sizes)
    if same_places(reference.boxes, hypothesis.boxes, differ):
        return Match(cdm, 1.0)
    placed = placed_pairs(reference.boxes[rows[right]], hypothesis.boxes[columns[right]])
    return Match(cdm, 2 * placed / sum(sizes))


def _labels_differ(reference: GlyphBoxes, hypothesis: GlyphBoxes) -> Array:
    numbers = {label: number for number, label in enumerate({*reference.labels, *hypothesis.labels})}
    first, second = (np.array([numbers[label] for label in side.labels]) for side in (reference, hypothesis))
    differ: Array = np.not_equal.outer(first, second).astype(np.float64)
    return differ


def _place_cost(reference: GlyphBoxes, hypothesis: GlyphBoxes) -> Array:
    """Mean distance of the four edges, each as a fraction of its image's width or height."""

    def fractions(side: GlyphBoxes) -> Array:
        size = side.boxes.max(axis=0)[2:] + 2 * _PADDING_PX
        return np.asarray((side.boxes + _PADDING_PX) / np.tile(size, 2))

    return np.asarray(cdist(fractions(reference), fractions(hypothesis), "cityblock") / 4)


def _order_cost(first: int, second: int) -> Array:
    """Distance of the places in the order of typesetting, as fractions of the whole."""
    places: Array = np.abs(np.arange(first)[:, None] / first - np.arange(second)[None, :] / second)
    return places


def _centres(side: GlyphBoxes) -> Array:
    return np.asarray((side.boxes[:, :2] + side.boxes[:, 2:]) / 2)


def _fits_a_movement(source: Array, target: Array) -> NDArray[np.bool_]:
    """Which points (N, 2) move with others: by one of at most five shifts and scalings, each fitting the most left."""
    fits = np.full(len(source), len(source) <= 2)
    for _ in range(_ROUNDS):
        left = np.flatnonzero(~fits)
        if len(left) <= 2:
            break
        best = _consensus(source[left], target[left])
        if not best.any():
            break
        fits[left[best]] = True
    return fits


def _consensus(source: Array, target: Array) -> NDArray[np.bool_]:
    """The points that the best movement brings to their places; the first in order of trial where several are best."""
    shift = np.median(target - source, axis=0)
    shifted = np.linalg.norm(source + shift - target, axis=1) < _RESIDUAL_PX
    if shifted.all():
        return np.asarray(shifted)
    one, two = _trials(len(source))
    from_centre, to_centre = (source[one] + source[two]) / 2, (target[one] + target[two]) / 2
    apart = np.linalg.norm(source[one] - source[two], axis=1)
    scale = np.linalg.norm(target[one] - target[two], axis=1) / np.maximum(apart, 1e-10)
    moved = scale[:, None, None] * (source[None] - from_centre[:, None]) + to_centre[:, None]
    inside = np.linalg.norm(moved - target[None], axis=2) < _RESIDUAL_PX
    inside = np.concatenate([shifted[None], inside])
    return np.asarray(inside[inside.sum(axis=1).argmax()])


def _trials(points: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pairs of points: all of them, or as many as there are trials."""
    one, two = np.triu_indices(points, 1)
    if len(one) > _TRIALS:
        chosen = np.random.default_rng(_SEED).choice(len(one), _TRIALS, replace=False)
        one, two = one[chosen], two[chosen]
    return one, two
