"""A score is a function of sums over samples, so that a bootstrap resamples sums and never looks at a string twice.

`Columns` hold one number a sample, or, once summed, one number a resample: the same function turns the sums of the
whole set into the published score and the sums of a thousand resamples into its interval.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.float64]
Columns = Mapping[str, Column]
Score = Callable[[Columns], Column]

COUNT = "count"
"""The column of ones whose sum is the number of samples."""


def ratio(part: Column, whole: Column, empty: float) -> Column:
    """Divide elementwise; `empty` where there is nothing to divide by."""
    return np.divide(part, whole, out=np.full_like(part, empty), where=whole != 0)


def share(name: str) -> Score:
    """Make the score that is the mean of one column; 0 over no samples."""
    return lambda sums: ratio(sums[name], sums[COUNT], empty=0.0)


def total(columns: Columns) -> dict[str, Column]:
    """Sum every column over all samples; arrays of shape (1,)."""
    return {name: np.array([column.sum()]) for name, column in columns.items()}
