"""Bootstrap intervals of scores: samples are drawn with replacement, their columns summed, the scores recomputed.

The percentile bootstrap of Efron 1979. One seed draws the same samples for every score, so that scores of one set
move together.
"""

from collections.abc import Mapping

import numpy as np

from im2latex.metrics.ratios import Column, Columns, Score

LEVEL = 0.95


def resample(columns: Columns, resamples: int, seed: int) -> dict[str, Column]:
    """Draw the samples with replacement, as many as there are, and sum each column; arrays of shape (resamples,)."""
    matrix = np.column_stack(list(columns.values()))
    samples = len(matrix)
    random = np.random.default_rng(seed)
    sums = np.empty((resamples, matrix.shape[1]))
    for row in sums:
        drawn = np.bincount(random.integers(0, samples, samples), minlength=samples)
        row[:] = drawn @ matrix
    return dict(zip(columns, sums.T, strict=True))


def intervals(
    columns: Columns, scores: Mapping[str, Score], resamples: int, seed: int
) -> dict[str, tuple[float, float]]:
    """The central 95 % of each score over the resamples, as (low, high)."""
    sums = resample(columns, resamples, seed)
    return {name: central(score(sums)) for name, score in scores.items()}


def central(values: Column) -> tuple[float, float]:
    """The bounds of the central 95 % of some values."""
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)
