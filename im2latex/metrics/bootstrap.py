"""Bootstrap intervals: samples are drawn with replacement, their columns summed, and the metrics computed again.

The percentile bootstrap (Efron 1979). One seed draws the same samples for every metric, so that the metrics of one test
set vary together.
"""

from collections.abc import Mapping

import numpy as np

from im2latex.metrics.aggregation import Aggregate, Column, Columns

CONFIDENCE = 0.95


def resample_sums(columns: Columns, resamples: int, seed: int) -> dict[str, Column]:
    """Draw as many samples as there are, with replacement, and sum each column; arrays of shape (resamples,)."""
    matrix = np.column_stack(list(columns.values()))
    samples = len(matrix)
    random = np.random.default_rng(seed)
    sums = np.empty((resamples, matrix.shape[1]))
    for row in sums:
        drawn = np.bincount(random.integers(0, samples, samples), minlength=samples)
        row[:] = drawn @ matrix
    return dict(zip(columns, sums.T, strict=True))


def bootstrap_intervals(
    columns: Columns, aggregates: Mapping[str, Aggregate], resamples: int, seed: int
) -> dict[str, tuple[float, float]]:
    """The central 95 % of each metric over the resamples, as (low, high)."""
    sums = resample_sums(columns, resamples, seed)
    return {name: percentile_interval(aggregate(sums)) for name, aggregate in aggregates.items()}


def percentile_interval(values: Column) -> tuple[float, float]:
    """The bounds of the central 95 % of some values."""
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)
