"""Pair the rows of two score tables: the samples in both, and those in only one."""

from collections import Counter
from collections.abc import Set
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from im2latex.errors import InputError
from im2latex.metrics.baselines import IMAGE

Key = tuple[str, int]
"""A formula_id, and the number of earlier rows with the same one."""


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
