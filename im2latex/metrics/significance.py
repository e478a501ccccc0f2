"""Pairs of samples, and the significance of the difference between two systems on them, by paired bootstrap.

Koehn, "Statistical Significance Tests for Machine Translation Evaluation" (EMNLP 2004): samples are drawn with
replacement, the same for both systems, both scores are computed anew from the drawn samples, and their difference is
counted. The result holds for other samples of the same kind; it says nothing about another seed of the training.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from im2latex.errors import InputError
from im2latex.metrics.baselines import IMAGE
from im2latex.metrics.bootstrap import (
    CONFIDENCE,
    Aggregate,
    Column,
    Columns,
    percentile_interval,
    resample_sums,
    sum_columns,
)

RESAMPLES = 1000
"""As in the paper."""

Key = tuple[str, int]
"""A formula_id, and the number of earlier rows with the same one."""


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


@dataclass(frozen=True)
class RowPairs:
    """Row `a[i]` of A and row `b[i]` of B score the same formula; the other fields list formula_ids.

    Those in `other_reference` have another reference in B than in A, for example after a change of the normalizer.
    """

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    other_reference: tuple[str, ...]

    @property
    def same_set(self) -> bool:
        """Whether both score the same formulas by the same references."""
        return not (self.only_a or self.only_b or self.other_reference)


def pair_rows(a: pa.Table, b: pa.Table) -> RowPairs:
    """Pair two tables of SCORES by formula_id, in the order of `a`; an id that occurs twice is paired twice."""
    first, second = _places(a), _places(b)
    both = [key for key in first if key in second]
    rows_a, rows_b = (np.array([places[key] for key in both], np.int64) for places in (first, second))
    differ = pc.not_equal(a["reference"].take(rows_a), b["reference"].take(rows_b)).to_numpy()
    return RowPairs(
        rows_a,
        rows_b,
        _names(first.keys() - second.keys()),
        _names(second.keys() - first.keys()),
        tuple(name for (name, _), differs in zip(both, differ, strict=True) if differs),
    )


def _places(table: pa.Table) -> dict[Key, int]:
    times: Counter[str] = Counter()
    places: dict[Key, int] = {}
    for row, name in enumerate(table["formula_id"].to_pylist()):
        places[name, times[name]] = row
        times[name] += 1
    return places


def _names(keys: Set[Key]) -> tuple[str, ...]:
    return tuple(sorted(name for name, _ in keys))


def rows_of_split(scores: pa.Table, split: str, where: str) -> pa.Table:
    """The rows of one split that were predicted from images, or of the only split there is.

    Raises `InputError` where there is no such row; `where` names the table.
    """
    read = scores.filter(pc.equal(scores["input"], IMAGE))
    present = pc.unique(read["split"]).sort().to_pylist()
    if split not in present and len(present) == 1:
        split = present[0]
    if split not in present:
        known = ", ".join(present) or "none"
        raise InputError(f"{where}: has no prediction of the split '{split}'; it has {known}")
    return read.filter(pc.equal(read["split"], split))
