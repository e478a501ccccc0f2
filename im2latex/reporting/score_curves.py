"""Curves over the scored samples: correctness against length, and against confidence (a reliability diagram).

Samples are sorted and divided into classes of about equal size; a point is the share of correct samples of a class,
with its 95 % Wilson interval.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from im2latex.metrics.calibration import expected_calibration_error
from im2latex.reporting.gallery import is_correct
from im2latex.reporting.report_data import ScoreCurve, ScorePoint

CLASSES = 12
MIN_SAMPLES = 20
"""Classes, at most, and samples of each, at least, where there are so many."""

_Z = 1.959963984540054
"""Quantile of the normal distribution for a two-sided 95 % interval."""


def score_curves(rows: Sequence[Mapping[str, Any]], log_probabilities: Mapping[str, float]) -> tuple[ScoreCurve, ...]:
    """The curves of rows of `schemas.SCORES`; that of confidence where log probabilities by formula_id are known."""
    lengths = [(float(len(row["reference"].split())), is_correct(row)) for row in rows]
    known = [
        (math.exp(min(0.0, log_probabilities[row["formula_id"]])), is_correct(row))
        for row in rows
        if row["formula_id"] in log_probabilities
    ]
    curves = []
    if lengths:
        curves.append(ScoreCurve("Correct against length", "tokens of the reference", _points(lengths), None))
    if known:
        probabilities, correct = (np.array(column) for column in zip(*known, strict=True))
        error = expected_calibration_error(probabilities, correct)
        curves.append(ScoreCurve("Correct against confidence", "probability of the prediction", _points(known), error))
    return tuple(curves)


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson, "Probable inference", 1927)."""
    share, z2 = successes / trials, _Z * _Z / trials
    middle = (share + z2 / 2) / (1 + z2)
    half = _Z / (1 + z2) * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials))
    return max(0.0, middle - half), min(1.0, middle + half)


def _points(samples: Sequence[tuple[float, bool]]) -> tuple[ScorePoint, ...]:
    ordered = sorted(samples)
    count = max(1, min(CLASSES, len(ordered) // MIN_SAMPLES))
    bounds = [round(place * len(ordered) / count) for place in range(count + 1)]
    classes = [ordered[low:high] for low, high in pairwise(bounds) if high > low]
    return tuple(
        ScorePoint(
            sum(x for x, _ in one) / len(one),
            (right := sum(correct for _, correct in one)) / len(one),
            wilson_interval(right, len(one)),
            len(one),
        )
        for one in classes
    )
