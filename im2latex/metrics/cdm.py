"""CDM: the share of symbols that are the same and in the same places, computed on glyph boxes as TeX set them.

Character detection matching of Wang et al., "Image Over Text: Transforming Formula Recognition Evaluation with
Character Detection Matching" (CVPR 2025), section 3, with the constants of its published program. Symbols are paired
by the Hungarian method; pairs that do not fit one of a few transformations of the image are discarded, then those whose
symbols differ; the value of a sample is F1 = 2 * pairs / (symbols of both). `cdm` is the mean, `cdm_exact` the share
of samples where it is 1.

Differences from the published program, and why:

- Symbols and boxes come from TeX's own output instead of one colour per token and a search of the rendered image for
  each, which is slow. So a box is TeX's box of the character, not the bounds of its ink. Names such as `\\sin` are one
  symbol per letter there too. Every rule is a symbol, so the lines of a table count.
- A symbol is a character of a font family: bold x is not x, while two commands that print the same are the same. The
  published program compares token names, ignores fonts, and has a list of synonyms at a cost of 0.05.
- Transformations are fitted to all pairs of points, or to 50 drawn with a fixed seed where there are more, and to the
  median shift, instead of 50 random pairs without a seed: the same input has the same value. The scale is taken about
  the centre of the two points, there about that of all points, so that a transformation fits the points it is made of.
- F1 is not rounded to three decimals, so 1 means all symbols.
- A reference that does not render counts 0, like a prediction that does not; there it is left out of the mean.

As in the published program, a pair may be off by 20 pixels. So both numbers ignore spaces, a subscript in place of a
superscript and two narrow neighbours that change places (`benchmarks.metrics corruptions` shows how often).

`cdm_strict`, the mean of a second F1 of the same pairs, ignores none of these: one shift of the whole image is sought,
and a pair counts where the four edges of its boxes then agree within `TOLERANCE_PX`. Both sides are set by one program
at one type size, so only a shift has to be undone, and a symbol of another size disagrees in an edge. A symbol too many
or too few moves all that follow. So the remaining pairs may agree by further shifts, the most pairs first, as CDM
allows further transformations; but each such part counts one pair less than it has, since its place in the whole is
wrong. A single symbol in the wrong place thus counts nothing. It is 1 if and only if the two images have the same
symbols at the same places in the same sizes, up to the tolerance.

The tolerance is half a pixel at 200 dpi, 0.18 pt, about what an image of that resolution can show: above the roundings
in which two ways to one image differ, below a space of 1 mu (1.8 pixels) and below what a symbol loses from 12 to 8
or from 8 to 6 point, except for the full stop of 6 for 8 point (0.46).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from tqdm import tqdm

from im2latex.rendering.glyph_boxes.reader import GlyphBoxes, GlyphReader

Array = NDArray[np.float64]

MOST_SYMBOLS = 2000
"""Pairs of formulas with more are 0 unless equal, since matching takes time with the cube of their number. The largest
of 11,625 real formulas has 408 (`benchmarks.metrics symbols`)."""
BATCH = 2000
"""Formulas typeset between two updates of the progress bar."""
TOLERANCE_PX = 0.5
"""Most by which an edge may be off in `cdm_strict`, in pixels at 200 dpi."""

SymbolCounts = Callable[[GlyphBoxes | None, GlyphBoxes | None], Mapping[str, float]]
"""Counts of one pair, (reference, hypothesis); None where a side is empty or does not typeset."""

_COST_LABEL, _COST_PLACE, _COST_ORDER = 1.0, 0.05, 0.15
_PADDING_PX = 8  # paper around the published images, which places are fractions of
_RESIDUAL_PX = 20
_ROUNDS = 5
_TRIALS = 50
_SEED = 42
_PARTS = 5  # most parts that are shifted on their own, the first included: as many as CDM allows transformations


class Match(NamedTuple):
    """F1 of one pair, 0..1: over the symbols that match, and over those that also agree in place and size."""

    cdm: float
    cdm_strict: float


NO_MATCH, FULL_MATCH = Match(0.0, 0.0), Match(1.0, 1.0)


def symbol_counts(reference: GlyphBoxes | None, hypothesis: GlyphBoxes | None) -> dict[str, float]:
    """`cdm`, `cdm_exact` and `cdm_strict` of one pair."""
    found = NO_MATCH if reference is None or hypothesis is None else match(reference, hypothesis)
    return {"cdm": found.cdm, "cdm_exact": found.cdm == 1, "cdm_strict": found.cdm_strict}


def compare_glyphs(
    references: Sequence[str],
    hypotheses: Sequence[str],
    reader: GlyphReader,
    functions: Sequence[SymbolCounts] = (symbol_counts,),
    progress: bool = False,
) -> list[dict[str, float]]:
    """The counts of each pair; each distinct string is typeset once, and each distinct pair compared once."""
    distinct = [formula for formula in dict.fromkeys([*references, *hypotheses]) if formula.strip()]
    glyphs: dict[str, GlyphBoxes | None] = {}
    with tqdm(total=len(distinct), desc="symbols", disable=None if progress else True) as bar:
        for start in range(0, len(distinct), BATCH):
            batch = distinct[start : start + BATCH]
            glyphs |= {formula: one.glyphs for formula, one in zip(batch, reader.read(batch), strict=True)}
            bar.update(len(batch))
    counts: dict[tuple[str, str], dict[str, float]] = {}
    pairs = list(zip(references, hypotheses, strict=True))
    for pair in tqdm(dict.fromkeys(pairs), "match", disable=None if progress else True):
        reference, hypothesis = (glyphs.get(formula) for formula in pair)
        found = (function(reference, hypothesis) for function in functions)
        counts[pair] = {name: count for one in found for name, count in one.items()}
    return [counts[pair] for pair in pairs]


def match(reference: GlyphBoxes, hypothesis: GlyphBoxes) -> Match:
    """Match one pair; `cdm` is 1 if and only if every symbol of both is paired."""
    sizes = len(reference.labels), len(hypothesis.labels)
    if reference.labels == hypothesis.labels and np.array_equal(reference.boxes, hypothesis.boxes):
        return FULL_MATCH
    if not min(sizes) or max(sizes) > MOST_SYMBOLS:
        return NO_MATCH
    differ = _labels_differ(reference, hypothesis)
    rows, columns = linear_sum_assignment(
        _COST_LABEL * differ + _COST_PLACE * _place_cost(reference, hypothesis) + _COST_ORDER * _order_cost(*sizes)
    )
    fits = _fits_transformation(_centres(reference)[rows], _centres(hypothesis)[columns])
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


def _fits_transformation(source: Array, target: Array) -> NDArray[np.bool_]:
    """Which points (N, 2) fit one of at most five shifts and scalings, each of which fits most of the rest."""
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
    """The points that the best transformation maps to their places; of several the first that was tried."""
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


def same_places(first: Array, second: Array, differ: Array) -> bool:
    """Whether the symbols pair one to one with all edges (N, 4) within the tolerance; `differ` is 1 where labels do."""
    if len(first) != len(second):
        return False
    close = (cdist(first, second, "chebyshev") <= TOLERANCE_PX) & (differ == 0)
    if not (close.any(axis=0).all() and close.any(axis=1).all()):
        return False
    rows, columns = linear_sum_assignment(~close)
    return bool(close[rows, columns].all())


def placed_pairs(first: Array, second: Array) -> int:
    """Number of pairs of boxes, (N, 4) each, that count: those that agree by one shift, less one per further shift."""
    by = second - first
    shifts = np.tile((by[:, :2] + by[:, 2:]) / 2, 2)
    agree = cdist(shifts, by, "chebyshev") <= TOLERANCE_PX
    left = np.ones(len(by), bool)
    count = 0
    for part in range(_PARTS):
        sizes = (agree & left).sum(axis=1) * left
        best = int(sizes.argmax()) if len(sizes) else 0
        if not left.any() or sizes[best] <= bool(part):
            break
        count += int(sizes[best]) - bool(part)
        left &= ~agree[best]
    return count
