"""Significance of the difference between two systems on the same samples, by paired bootstrap.

Koehn, "Statistical Significance Tests for Machine Translation Evaluation" (EMNLP 2004): samples are drawn with
replacement, the same for both systems, both scores are computed anew from the drawn samples, and their difference is
counted. The result holds for other samples of the same kind; it says nothing about another seed of the training.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from im2latex.errors import InputError
from im2latex.metrics.aggregation import Aggregate, Column, Columns, sum_columns
from im2latex.metrics.bootstrap import CONFIDENCE, percentile_interval, resample_sums

RESAMPLES = 1000
"""As in the paper."""


@dataclass(frozen=True, slots=True)
class PairedTest:
    """One metric of two systems, A and B, on the same samples.

    `change` is B - A and `interval` its central 95 %; `p` is two-sided: twice the share of resamples in which the
    change does not have its observed sign, at most 1. `p_worse` is one-sided: the share in which B is not worse than A,
    so that a small value means that B is worse. Both count the observed samples as one more resample (Davison and
    Hinkley 1997, section 4.2), so that neither is ever 0.
    """

    name: str
    a: float
    b: float
    a_interval: tuple[float, float]
    b_interval: tuple[float, float]
    interval: tuple[float, float]
    p: float
    p_worse: float

    @property
    def change(self) -> float:
        """B - A."""
        return self.b - self.a

    @property
    def significant(self) -> bool:
        """Whether p is below 0.05."""
        return self.p < 1 - CONFIDENCE


def paired_bootstrap(
    a: Columns,
    b: Columns,
    aggregates: Mapping[str, Aggregate],
    lower_is_better: Collection[str] = (),
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> list[PairedTest]:
    """Compare two systems by every metric; row i of both is the same sample.

    `lower_is_better` names the metrics of which smaller values are better. Raises `InputError` without a sample.
    """
    sizes = {len(column) for columns in (a, b) for column in columns.values()}
    if sizes == {0}:
        raise InputError("no sample is in both, so there is nothing to compare")
    both = {f"{side}.{name}": column for side, columns in (("a", a), ("b", b)) for name, column in columns.items()}
    drawn, observed = resample_sums(both, resamples, seed), sum_columns(both)
    return [
        _paired_test(name, aggregate, name in lower_is_better, (_side(drawn, "a"), _side(drawn, "b")), observed)
        for name, aggregate in aggregates.items()
    ]


def _side(sums: Columns, side: str) -> dict[str, Column]:
    prefix = f"{side}."
    return {name.removeprefix(prefix): column for name, column in sums.items() if name.startswith(prefix)}


def _paired_test(
    name: str, aggregate: Aggregate, lower_is_better: bool, drawn: tuple[Columns, Columns], observed: Columns
) -> PairedTest:
    a, b = (aggregate(sums) for sums in drawn)
    # Equal counts can give sums that differ in their last bits, and those are no difference.
    change = np.where(np.isclose(a, b, rtol=1e-12, atol=1e-12), 0.0, b - a)
    not_worse = _share(change <= 0 if lower_is_better else change >= 0)
    not_above, not_below = _share(change <= 0), _share(change >= 0)
    first, second = (float(aggregate(_side(observed, side))[0]) for side in "ab")
    return PairedTest(
        name,
        first,
        second,
        percentile_interval(a),
        percentile_interval(b),
        percentile_interval(change),
        p=min(1.0, 2 * min(not_above, not_below)),
        p_worse=not_worse,
    )


def _share(found: NDArray[np.bool_]) -> float:
    return float((found.sum() + 1) / (found.size + 1))
