"""Two tables of judged predictions, row beside row: the samples that both judged, and those that only one did."""

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
"""A formula_id, and how many rows of it stood before."""


@dataclass(frozen=True)
class Pairs:
    """Row `a[i]` of A and row `b[i]` of B judge the same formula; the other fields list formula_ids.

    `respelled` have another reference in B than in A, as where the normalizer changed between them.
    """

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    respelled: tuple[str, ...]

    @property
    def same_set(self) -> bool:
        """Whether both judged the same formulas by the same references."""
        return not (self.only_a or self.only_b or self.respelled)


def pair(a: pa.Table, b: pa.Table) -> Pairs:
    """Pair two tables (records.SCORES) by formula_id, in the order of `a`; one that is there twice is paired twice."""
    first, second = _places(a), _places(b)
    both = [key for key in first if key in second]
    rows_a, rows_b = (np.array([places[key] for key in both], np.int64) for places in (first, second))
    differ = pc.not_equal(a["reference"].take(rows_a), b["reference"].take(rows_b)).to_numpy()
    return Pairs(
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


def of_split(scores: pa.Table, split: str, where: str) -> pa.Table:
    """The rows of one split that were read from images, or of the only split there is; raises `InputError`."""
    read = scores.filter(pc.equal(scores["input"], IMAGE))
    present = pc.unique(read["split"]).sort().to_pylist()
    if split not in present and len(present) == 1:
        split = present[0]
    if split not in present:
        known = ", ".join(present) or "none"
        raise InputError(f"{where}: holds no prediction of the split '{split}'; there are {known}")
    return read.filter(pc.equal(read["split"], split))
