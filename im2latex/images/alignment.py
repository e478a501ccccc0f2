"""The blocks in which two sequences differ, cut as python-Levenshtein 0.12 cuts them.

Shortest edits are many, and which of them is taken decides how long a block is. The published scores of images were
computed with that library, whose later versions choose otherwise, so its choice is restated here: common ends are
taken away; from the end backwards, go on in the direction of a running insertion or deletion, else keep, else
replace, else insert, else delete.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

KEEP, REPLACE, INSERT, DELETE = range(4)


def reference_spans(reference: Sequence[int], other: Sequence[int]) -> list[int]:
    """How many items of the reference each differing block covers, from the end; 0 for an insertion."""
    first, second = _without_common_ends(np.asarray(reference, np.int32), np.asarray(other, np.int32))
    runs = ((step, sum(1 for _ in run)) for step, run in groupby(_steps_back(first, second)))
    return [0 if step == INSERT else length for step, length in runs if step != KEEP]


def _without_common_ends(first: NDArray[np.int32], second: NDArray[np.int32]) -> tuple[NDArray[np.int32], ...]:
    shorter = min(len(first), len(second))
    same = first[:shorter] == second[:shorter]
    start = shorter if same.all() else int(same.argmin())
    first, second = first[start:], second[start:]
    shorter -= start
    same = first[::-1][:shorter] == second[::-1][:shorter]
    end = shorter if same.all() else int(same.argmin())
    return first[: len(first) - end], second[: len(second) - end]


def _steps_back(first: NDArray[np.int32], second: NDArray[np.int32]) -> Iterator[int]:
    """The steps from the end of both sequences to their beginning."""
    costs = _costs(first, second)
    reference, other = first.tolist(), second.tolist()
    i, j, last = len(reference), len(other), KEEP
    while i or j:
        # A cost is stored less its column: the left neighbour is one cheaper where it is equal here.
        here = costs[i][j]
        inserted = j > 0 and here == costs[i][j - 1]
        deleted = i > 0 and here == costs[i - 1][j] + 1
        diagonal = costs[i - 1][j - 1] - 1 if i and j else None
        if last == INSERT and inserted:
            step = INSERT
        elif last == DELETE and deleted:
            step = DELETE
        elif diagonal == here and reference[i - 1] == other[j - 1]:
            step = KEEP
        elif diagonal is not None and diagonal + 1 == here:
            step = REPLACE
        else:
            step = INSERT if inserted else DELETE
        i -= step != INSERT
        j -= step != DELETE
        last = step
        yield step


def _costs(first: NDArray[np.int32], second: NDArray[np.int32]) -> NDArray[np.int32]:
    """The table of Wagner and Fischer 1974, of shape (len(first) + 1, len(second) + 1), each cost less its column."""
    costs = np.zeros((len(first) + 1, len(second) + 1), np.int32)
    costs[:, 0] = np.arange(len(first) + 1)
    step = (first[:, None] != second[None, :]).astype(np.int32) - 1
    for row in range(1, len(costs)):
        above = costs[row - 1]
        np.minimum(above[:-1] + step[row - 1], above[1:] + 1, out=costs[row, 1:])
        np.minimum.accumulate(costs[row], out=costs[row])
    return costs
