"""Buckets: a small fixed set of padded shapes, chosen from the data so that batches need little padding.

A shape is (height, width, tokens); a sample belongs to the cheapest shape that holds it. No sample is dropped or
repeated to fill a batch: a batch has one shape, and training shifts each image within it. Arrays are int64; a row is
(height, width, tokens). No choice is random.

reads, writes  buckets.json: {"shapes": [{"height", "width", "tokens"}, ...]}
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from im2latex.config import Params
from im2latex.errors import ArtifactError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
CostFunction = Callable[[Ints], Floats]

PUBLISHED_SIZES = (
    *((240, 100), (320, 80), (400, 80), (400, 100), (480, 80), (480, 100), (560, 80), (560, 100), (640, 80)),
    *((640, 100), (720, 80), (720, 100), (720, 120), (720, 200), (800, 100), (800, 320), (1000, 200), (1000, 400)),
    *((1200, 200), (1600, 200), (1600, 1600)),
)
"""(width, height) at 200 dpi, before images are downsampled by 2: `preprocess_images.py`, harvardnlp/im2markup."""
TOKEN_BINS = (28, 35, 41, 48, 55, 64, 75, 88, 105, 150)
"""Longest label of each bin of Singh 2018 (arXiv 1802.05415), whose batches of 56 come from one bin."""

UNCOVERED_COST = 1e15
"""Cost of a sample that no box holds: more than any box, so that the search covers all samples."""
SWEEPS = 20
"""Limit on the passes over all sides of all boxes between two changes of their number."""

SWAPS = 32
"""Limit on the removals of a box followed by a split."""


class BucketParams(Params):
    """Parameters of bucket shapes and shards."""

    preset: Literal["fitted", "published-sizes", "token-bins", "none"] = Field(
        default="fitted",
        description="shapes chosen from the data, a published list, or one shape for all; see `choose_shapes`",
    )
    max_buckets: int = Field(default=24, ge=1, le=256, description="largest number of shapes of the preset fitted")
    height_step_px: int = Field(default=4, ge=1, description="heights are multiples of this")
    width_step_px: int = Field(default=8, ge=1, description="widths are multiples of this")
    tokens_step: int = Field(default=2, ge=1, description="token lengths are multiples of this")
    token_cost_px: int = Field(default=48, ge=0, description="cost of one token of padding, in pixels of padding")
    shard_rows: int = Field(default=10000, ge=1, description="samples in a shard")


def choose_shapes(sizes: Ints, params: BucketParams, counts: Ints | None = None) -> Ints:
    """Return shapes (S, 3) for `sizes` (N, 3), both as (height, width, tokens); every sample fits one.

    `counts` (N,) says how many samples have each size, by default one.

    fitted           at most `max_buckets` multiples of the steps, found by `search_shapes`
    published-sizes  a list of 21 image sizes, halved as the images are, for labels of any length
    token-bins       bins of label length, all for the largest image
    none             one shape, the largest of each side: the padding without bucketing

    Samples that a published list does not hold get one more shape, around all of them.
    """
    steps = np.array([params.height_step_px, params.width_step_px, params.tokens_step])
    rounded = -(-sizes // steps) * steps
    height, width, tokens = (int(side) for side in rounded.max(axis=0))
    match params.preset:
        case "fitted":
            shapes = _fitted(
                *_unique(rounded, np.ones(len(sizes), np.int64) if counts is None else counts), steps, params
            )
        case "published-sizes":
            shapes = _completed(np.array([(h // 2, w // 2, tokens) for w, h in PUBLISHED_SIZES]), sizes, rounded)
        case "token-bins":
            shapes = _completed(np.array([(height, width, length) for length in TOKEN_BINS]), sizes, rounded)
        case "none":
            shapes = np.array([(height, width, tokens)])
    return shapes[np.lexsort(shapes.T[::-1])]


def _unique(points: Ints, counts: Ints) -> tuple[Ints, Ints]:
    """The different points in order, and the sum of the counts of each."""
    found, inverse = np.unique(points, axis=0, return_inverse=True)
    return found, np.bincount(inverse.ravel(), weights=counts).astype(np.int64)


def _fitted(points: Ints, counts: Ints, steps: Ints, params: BucketParams) -> Ints:
    """Search on a coarse grid, then shrink every shape to the samples it holds."""
    if len(points) <= params.max_buckets:
        return points
    # The search time grows with points times shapes: ten seconds at this limit for 48 shapes. 100,000 arXiv formulas
    # have 18,000 different sizes at the default steps; a coarser grid costs one to two percentage points of padding.
    limit = max(4 * params.max_buckets, min(30_000, 1_500_000 // params.max_buckets))
    coarse, weights = _coarsen(points, counts, steps, limit)
    shapes = search_shapes(coarse, weights, params.max_buckets, lambda boxes: _area(boxes, params).astype(np.float64))
    owners = assign(points, shapes, params)
    return np.unique([points[owners == owner].max(axis=0) for owner in np.unique(owners)], axis=0)


def _coarsen(points: Ints, counts: Ints, steps: Ints, limit: int) -> tuple[Ints, Ints]:
    """Double the steps in turn, those of the tokens first, until at most `limit` points are left."""
    steps, side = steps.copy(), 2
    while len(points) > limit:
        steps[side] *= 2
        side = (side - 1) % 3
        points, counts = _unique(-(-points // steps) * steps, counts)
    return points, counts


def _completed(shapes: Ints, sizes: Ints, rounded: Ints) -> Ints:
    """Append one shape around all samples that none of the `shapes` holds."""
    held = np.zeros(len(sizes), dtype=np.bool_)
    for shape in shapes:
        held |= (sizes <= shape).all(axis=1)
    return shapes if held.all() else np.vstack([shapes, rounded[~held].max(axis=0)])


def _area(shapes: Ints, params: BucketParams) -> Ints:
    return shapes[..., 0] * shapes[..., 1] + params.token_cost_px * shapes[..., 2]


def assign(sizes: Ints, shapes: Ints, params: BucketParams) -> Ints:
    """Return the index (N,) of the cheapest shape that holds each of `sizes` (N, 3)."""
    order = np.argsort(_area(shapes, params), kind="stable")
    result = np.full(len(sizes), -1, dtype=np.int64)
    for index in order:
        fits = (result < 0) & (sizes <= shapes[index]).all(axis=1)
        result[fits] = index
    if (result < 0).any():
        raise AssertionError("a sample fits no shape; shapes must be chosen from the same samples")
    return result


def efficiency(sizes: Ints, shapes: Ints, buckets: Ints, counts: Ints | None = None) -> dict[str, float]:
    """Return the shares of the padded pixels and of the padded tokens that samples fill; `counts` as above."""
    padded, times = shapes[buckets], np.ones(len(sizes), np.int64) if counts is None else counts
    pixels = (times @ (sizes[:, 0] * sizes[:, 1])) / (times @ (padded[:, 0] * padded[:, 1]))
    return {
        "pixels": round(float(pixels), 4),
        "tokens": round(float((times @ sizes[:, 2]) / (times @ padded[:, 2])), 4),
    }


def save_shapes(shapes: Ints, path: Path) -> None:
    """Write buckets.json."""
    rows = [{"height": int(h), "width": int(w), "tokens": int(t)} for h, w, t in shapes]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"shapes": rows}, indent=1) + "\n", encoding="utf-8")


def load_shapes(path: Path) -> Ints:
    """Read buckets.json as shapes (S, 3); raises `ArtifactError` where it is missing or damaged."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["shapes"]
        return np.array([[row["height"], row["width"], row["tokens"]] for row in rows], dtype=np.int64)
    except FileNotFoundError:
        raise ArtifactError(f"{path}: no such artifact; run `dvc repro bucket`") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ArtifactError(f"{path}: not a list of shapes; run `dvc repro bucket`") from None


def search_shapes(points: Ints, counts: Ints, max_boxes: int, cost_of: CostFunction) -> Ints:
    """Return at most `max_boxes` boxes (S, 3) that hold all `points` (N, 3) with multiplicities `counts` (N,).

    A deterministic local search for a k-median with containment: choose S boxes that minimize the sum, over all points,
    of the cost of the cheapest box that holds the point. The search starts from one box around all points and splits
    the box where a split saves most, until there are S. Then it moves each side of each box to its best value while
    the others stay fixed (exact in one coordinate), and repeatedly removes the least useful box and splits again, as
    long as that lowers the cost.
    """
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
