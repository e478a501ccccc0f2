"""Metrics as functions of sums over samples, so that a bootstrap resamples sums and compares no string twice.

`Columns` hold one number a sample, shape (samples,), or, once summed, one number a resample. The same `Aggregate` turns
the sums over the whole test set into the published value and the sums of a thousand resamples into its interval.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.float64]
Columns = Mapping[str, Column]
Aggregate = Callable[[Columns], Column]

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
