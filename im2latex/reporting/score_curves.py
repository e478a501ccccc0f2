"""Curves over the scored samples: correctness against length, and against confidence (a reliability diagram).

Samples are sorted and divided into classes of about equal size; a point is the share of correct samples of a class,
with its 95 % Wilson interval (Wilson, "Probable inference", 1927).
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from im2latex.metrics.calibration import expected_calibration_error
from im2latex.reporting.gallery import is_correct
from im2latex.reporting.report_data import ScoreCurve, ScorePoint

Floats = NDArray[np.float64]

CLASSES = 12
MIN_SAMPLES = 20
"""Classes, at most, and samples of each, at least, where there are so many."""


def score_curves(rows: Sequence[Mapping[str, Any]], log_probabilities: Mapping[str, float]) -> tuple[ScoreCurve, ...]:
    """The curves of rows of `schemas.SCORES`; that of confidence where log probabilities by formula_id are known."""
    values = np.empty((len(rows), 3))
    for place, row in enumerate(rows):
        found = log_probabilities.get(row["formula_id"])
        probability = math.nan if found is None else math.exp(min(0.0, found))
        values[place] = len(row["reference"].split()), probability, is_correct(row)
    lengths, probabilities, correct = values.T
    known = ~np.isnan(probabilities)
    curves = []
    if len(rows):
        points = _points(lengths, correct)
        curves.append(ScoreCurve("Correct against length", "tokens of the reference", points, None))
    if known.any():
        error = expected_calibration_error(probabilities[known], correct[known] == 1)
        points = _points(probabilities[known], correct[known])
        curves.append(ScoreCurve("Correct against confidence", "probability of the prediction", points, error))
    return tuple(curves)


def _points(values: Floats, correct: Floats) -> tuple[ScorePoint, ...]:
    order = np.lexsort((correct, values))
    count = max(1, min(CLASSES, len(order) // MIN_SAMPLES))
    bounds = [round(place * len(order) / count) for place in range(count + 1)]
    classes = [order[low:high] for low, high in pairwise(bounds) if high > low]
    return tuple(_point(values[one].tolist(), int(correct[one].sum())) for one in classes)


def _point(values: list[float], correct: int) -> ScorePoint:
    interval = binomtest(correct, len(values)).proportion_ci(method="wilson")
    bounds = (float(interval.low), float(interval.high))
    return ScorePoint(sum(values) / len(values), correct / len(values), bounds, len(values))
