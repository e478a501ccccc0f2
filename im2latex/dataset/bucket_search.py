"""Deterministic local search for bucket shapes that pad many samples little.

The problem is a k-median with containment: choose S boxes that minimize the sum, over all samples, of the cost of the
cheapest box that holds the sample. The search starts from one box around all samples and splits the box where a split
saves most, until there are S. Then it moves each side of each box to its best value while the others stay fixed (exact
in one coordinate), and repeatedly removes the least useful box and splits again, as long as that lowers the cost.

Arrays are int64; a row is (height, width, tokens). No random choice.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
CostFunction = Callable[[Ints], Floats]

UNCOVERED_COST = 1e15
"""Cost of a sample that no box holds: more than any box, so that the search covers all samples."""
SWEEPS = 20
"""Limit on the passes over all sides of all boxes between two changes of their number."""

SWAPS = 32
"""Limit on the removals of a box followed by a split."""


def search(points: Ints, counts: Ints, max_boxes: int, cost_of: CostFunction) -> Ints:
    """Return at most `max_boxes` boxes (S, 3) that hold all `points` (N, 3) with multiplicities `counts` (N,)."""
    box_set = _BoxSet(points, counts.astype(np.float64), cost_of)
    optimized = 1
    while len(box_set.boxes) < max_boxes and box_set.split():
        if 8 * len(box_set.boxes) >= 9 * optimized:  # not after every split, or many boxes would take quadratic time
            box_set.optimize(1)
            optimized = len(box_set.boxes)
    box_set.optimize(SWEEPS)
    best, cost = box_set.boxes, box_set.cost()
    for _ in range(SWAPS if len(best) == max_boxes > 1 else 0):
        box_set.remove()
        if not box_set.split():
            break
        box_set.optimize(SWEEPS)
        if box_set.cost() >= cost * (1 - 1e-9):
            break
        best, cost = box_set.boxes, box_set.cost()
    return best


class _BoxSet:
    """Boxes (S, 3) and their `costs` (N, S) per point, `UNCOVERED_COST` where a box does not hold the point."""

    def __init__(self, points: Ints, counts: Floats, cost_of: CostFunction) -> None:
        self.points, self.counts, self._cost_of = points, counts, cost_of
        self._set(points.max(axis=0)[None])

    def _set(self, boxes: Ints) -> None:
        self.boxes = boxes
        held = (self.points[:, None] <= boxes[None]).all(axis=2)
        self.costs = np.where(held, self._cost_of(boxes)[None], UNCOVERED_COST)

    def cost(self) -> float:
        """Sum over all points of the cost of their cheapest box."""
        return float(self.counts @ self.costs.min(axis=1))

    def split(self) -> bool:
        """Add the box that lowers the cost most, among those around the smaller members of a box along one side."""
        owner, now = self.costs.argmin(axis=1), self.costs.min(axis=1)
        best, found = 0.0, None
        for box in range(len(self.boxes)):
            members = np.flatnonzero(owner == box)
            for keys in _orders(self.points[members]) if len(members) else ():
                order = members[keys]
                boxes = np.maximum.accumulate(self.points[order], axis=0)
                saved = np.cumsum(self.counts[order]) * (now[order[0]] - self._cost_of(boxes))
                index = int(saved.argmax())
                if saved[index] > best:
                    best, found = float(saved[index]), boxes[index]
        if found is None:
            return False
        self._set(np.vstack([self.boxes, found]))
        return True

    def remove(self) -> None:
        """Remove the box without which the cost rises least."""
        ordered = np.partition(self.costs, 1, axis=1)
        missed = self.counts * (ordered[:, 1] - ordered[:, 0])
        loss = np.bincount(self.costs.argmin(axis=1), weights=missed, minlength=len(self.boxes))
        self._set(np.delete(self.boxes, int(loss.argmin()), axis=0))

    def optimize(self, sweeps: int) -> None:
        """Move every side of every box to its best value, until no move lowers the cost."""
        for _ in range(sweeps):
            before = self.boxes.copy()
            for box in range(len(self.boxes)):
                others = np.delete(self.costs, box, axis=1).min(axis=1, initial=UNCOVERED_COST)
                for side in range(3):
                    self._move(box, side, others)
            if (self.boxes == before).all():
                return

    def _move(self, box: int, side: int, others: Floats) -> None:
        """Set one side of one box to the value that saves most, compared with `others` (N,), all other boxes."""
        rest = [axis for axis in range(3) if axis != side]
        mine = np.flatnonzero((self.points[:, rest] <= self.boxes[box, rest]).all(axis=1))
        values = np.unique(self.points[mine, side])
        boxes = np.repeat(self.boxes[box][None], len(values), axis=0)
        boxes[:, side] = values
        costs = self._cost_of(boxes)
        gain = np.maximum(others[mine][None] - costs[:, None], 0)
        gain[self.points[mine, side][None] > values[:, None]] = 0
        self.boxes[box] = boxes[int((gain @ self.counts[mine]).argmax())]
        held = (self.points <= self.boxes[box]).all(axis=1)
        self.costs[:, box] = np.where(held, self._cost_of(self.boxes[box]), UNCOVERED_COST)


def _orders(points: Ints) -> list[NDArray[np.intp]]:
    """Orders of the points (N, 3) from small to large: along each side, and by image area."""
    return [np.argsort(key, kind="stable") for key in (*points.T, points[:, 0] * points[:, 1])]
