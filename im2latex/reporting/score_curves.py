"""Curves over the scored samples: correctness against length, and against confidence (a reliability diagram).

Samples are sorted and divided into classes of about equal size; a point is the share of correct samples of a class,
with its 95 % Wilson interval (Wilson, "Probable inference", 1927).
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.stats import binomtest

from im2latex.metrics.calibration import expected_calibration_error
from im2latex.reporting.gallery import is_correct
from im2latex.reporting.report_data import ScoreCurve, ScorePoint

CLASSES = 12
MIN_SAMPLES = 20
"""Classes, at most, and samples of each, at least, where there are so many."""


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


def _points(samples: Sequence[tuple[float, bool]]) -> tuple[ScorePoint, ...]:
    ordered = sorted(samples)
    count = max(1, min(CLASSES, len(ordered) // MIN_SAMPLES))
    bounds = [round(place * len(ordered) / count) for place in range(count + 1)]
    classes = [ordered[low:high] for low, high in pairwise(bounds) if high > low]
    return tuple(_point(one) for one in classes)


def _point(samples: Sequence[tuple[float, bool]]) -> ScorePoint:
    correct = sum(is_right for _, is_right in samples)
    interval = binomtest(correct, len(samples)).proportion_ci(method="wilson")
    mean = sum(x for x, _ in samples) / len(samples)
    return ScorePoint(mean, correct / len(samples), (float(interval.low), float(interval.high)), len(samples))
