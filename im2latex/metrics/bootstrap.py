"""Aggregates over samples, and bootstrap intervals: samples are drawn again with replacement.

A metric is a function of sums over samples, so that a resample adds numbers and compares no string twice. `Columns`
hold one number a sample, shape (samples,), or, once summed, one number a resample. The same `Aggregate` turns the sums
over the whole test set into the published value and the sums of a thousand resamples into its interval.

The percentile bootstrap (Efron 1979). One seed draws the same samples for every metric, so that the metrics of one test
set vary together.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.float64]
Columns = Mapping[str, Column]
Aggregate = Callable[[Columns], Column]

CONFIDENCE = 0.95

COUNT = "count"
"""The column of ones; its sum is the number of samples."""


def ratio(part: Column, whole: Column, empty: float) -> Column:
    """Divide elementwise; `empty` is the value where the divisor is 0."""
    return np.divide(part, whole, out=np.full_like(part, empty), where=whole != 0)


def mean(name: str) -> Aggregate:
    """Return the aggregate that is the mean of one column; 0 over no samples."""
    return lambda sums: ratio(sums[name], sums[COUNT], empty=0.0)


def sum_columns(columns: Columns) -> dict[str, Column]:
    """Sum every column over all samples; arrays of shape (1,)."""
    return {name: np.array([column.sum()]) for name, column in columns.items()}


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
