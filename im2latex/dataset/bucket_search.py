"""Few boxes that hold many samples with little padding: a local search that gives the same answer every time.

The problem is a k-median with containment: choose S boxes so that the sum over all samples of the price of the
cheapest box that holds the sample is least. The search starts from one box around all samples, splits the box where
a split saves most until there are S, moves each side of each box to its best place while the others stand still
(exact in one coordinate), and then takes away the box that is missed least and splits again, as long as that gains.

Takes and gives int64 arrays; a row is (height, width, tokens). No random choice.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Price = Callable[[Ints], Floats]

UNHELD = 1e15
"""What a sample costs that no box holds: more than any box, so that the search never leaves one out."""
SWEEPS = 20
"""Most rounds over all sides of all boxes between two changes of their number; rounds end when none gains."""

SWAPS = 32
"""Most times that a box is taken away and another split."""


def search(points: Ints, counts: Ints, most: int, price: Price) -> Ints:
    """At most `most` boxes (S, 3) that hold all `points` (N, 3), of which there are `counts` (N,) each."""
    state = _State(points, counts.astype(np.float64), price)
    settled = 1
    while len(state.boxes) < most and state.split():
        if 8 * len(state.boxes) >= 9 * settled:  # not after every split, so that many boxes take no quadratic time
            state.settle(1)
            settled = len(state.boxes)
    state.settle(SWEEPS)
    best, cost = state.boxes, state.cost()
    for _ in range(SWAPS if len(best) == most > 1 else 0):
        state.remove()
        if not state.split():
            break
        state.settle(SWEEPS)
        if state.cost() >= cost * (1 - 1e-9):
            break
        best, cost = state.boxes, state.cost()
    return best


class _State:
    """Boxes (S, 3) and what each costs each point: `prices` (N, S), `UNHELD` where it does not hold the point."""

    def __init__(self, points: Ints, counts: Floats, price: Price) -> None:
        self.points, self.counts, self._price = points, counts, price
        self._set(points.max(axis=0)[None])

    def _set(self, boxes: Ints) -> None:
        self.boxes = boxes
        held = (self.points[:, None] <= boxes[None]).all(axis=2)
        self.prices = np.where(held, self._price(boxes)[None], UNHELD)

    def cost(self) -> float:
        """The sum over all points of their cheapest box."""
        return float(self.counts @ self.prices.min(axis=1))

    def split(self) -> bool:
        """Add the box that saves most among those around the smaller members of a box along one side."""
        owner, now = self.prices.argmin(axis=1), self.prices.min(axis=1)
        best, found = 0.0, None
        for box in range(len(self.boxes)):
            members = np.flatnonzero(owner == box)
            for keys in _orders(self.points[members]) if len(members) else ():
                order = members[keys]
                boxes = np.maximum.accumulate(self.points[order], axis=0)
                saved = np.cumsum(self.counts[order]) * (now[order[0]] - self._price(boxes))
                place = int(saved.argmax())
                if saved[place] > best:
                    best, found = float(saved[place]), boxes[place]
        if found is None:
            return False
        self._set(np.vstack([self.boxes, found]))
        return True

    def remove(self) -> None:
        """Take away the box without which the cost rises least."""
        ordered = np.partition(self.prices, 1, axis=1)
        missed = self.counts * (ordered[:, 1] - ordered[:, 0])
        loss = np.bincount(self.prices.argmin(axis=1), weights=missed, minlength=len(self.boxes))
        self._set(np.delete(self.boxes, int(loss.argmin()), axis=0))

    def settle(self, sweeps: int) -> None:
        """Move every side of every box to its best place, until no move gains."""
        for _ in range(sweeps):
            before = self.boxes.copy()
            for box in range(len(self.boxes)):
                others = np.delete(self.prices, box, axis=1).min(axis=1, initial=UNHELD)
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
        prices = self._price(boxes)
        gain = np.maximum(others[mine][None] - prices[:, None], 0)
        gain[self.points[mine, side][None] > values[:, None]] = 0
        self.boxes[box] = boxes[int((gain @ self.counts[mine]).argmax())]
        held = (self.points <= self.boxes[box]).all(axis=1)
        self.prices[:, box] = np.where(held, self._price(self.boxes[box]), UNHELD)


def _orders(points: Ints) -> list[NDArray[np.intp]]:
    """Ways to line up points (N, 3) from small to large: along each side, and by image size."""
    return [np.argsort(key, kind="stable") for key in (*points.T, points[:, 0] * points[:, 1])]
