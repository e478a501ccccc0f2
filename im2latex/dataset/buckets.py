"""A small fixed set of shapes, chosen from the data so that batches need little padding.

A shape is (height, width, tokens); a sample goes to the smallest shape that holds it. Nothing is dropped or repeated
to fill a batch: batches are made of one shape at a time, by the learning floor.

reads, writes  buckets.json: {"shapes": [{"height", "width", "tokens"}, ...]}
"""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from im2latex.errors import ArtifactError
from im2latex.params import Params

Ints = NDArray[np.int64]


class BucketParams(Params):
    """How fine the shapes are, and how samples are spread over shards."""

    max_shapes: int = Field(ge=1, le=1000, description="most shapes")
    height_step_px: int = Field(ge=1, description="heights are multiples of this")
    width_step_px: int = Field(ge=1, description="widths are multiples of this")
    tokens_step: int = Field(ge=1, description="token lengths are multiples of this")
    token_pixels: int = Field(ge=0, description="what one token of padding costs, in pixels of padding")
    shard_rows: int = Field(ge=1, description="samples in a shard")


def choose_shapes(sizes: Ints, params: BucketParams) -> Ints:
    """Shapes (S, 3) for `sizes` (N, 3), both as (height, width, tokens).

    Sizes are rounded up to the steps; then, as long as there are too many shapes, the two are merged whose union
    adds the least padding over all samples (greedy agglomeration).
    """
    steps = np.array([params.height_step_px, params.width_step_px, params.tokens_step])
    shapes, counts = np.unique(-(-sizes // steps) * steps, axis=0, return_counts=True)
    if len(shapes) > 16 * params.max_shapes:
        shapes, counts = _coarsen(shapes, counts, steps, 16 * params.max_shapes)
    while len(shapes) > params.max_shapes:
        union = np.maximum(shapes[:, None], shapes[None, :])
        cost = _area(shapes, params)
        added = (_area(union, params) - cost[:, None]) * counts[:, None]
        added = added + added.T
        np.fill_diagonal(added, np.iinfo(added.dtype).max)
        first, second = np.unravel_index(int(added.argmin()), added.shape)
        shapes[first] = union[first, second]
        counts[first] += counts[second]
        shapes, counts = np.delete(shapes, second, axis=0), np.delete(counts, second)
    return shapes[np.lexsort(shapes.T[::-1])]


def _coarsen(shapes: Ints, counts: Ints, steps: Ints, limit: int) -> tuple[Ints, Ints]:
    """Double the steps until the pairwise search is affordable."""
    while len(shapes) > limit:
        steps = steps * 2
        shapes, inverse = np.unique(-(-shapes // steps) * steps, axis=0, return_inverse=True)
        counts = np.bincount(inverse.ravel(), weights=counts).astype(np.int64)
    return shapes, counts


def _area(shapes: Ints, params: BucketParams) -> Ints:
    return shapes[..., 0] * shapes[..., 1] + params.token_pixels * shapes[..., 2]


def assign(sizes: Ints, shapes: Ints, params: BucketParams) -> Ints:
    """Index of the cheapest shape that holds each of `sizes` (N, 3)."""
    order = np.argsort(_area(shapes, params), kind="stable")
    result = np.full(len(sizes), -1, dtype=np.int64)
    for index in order:
        fits = (result < 0) & (sizes <= shapes[index]).all(axis=1)
        result[fits] = index
    if (result < 0).any():
        raise AssertionError("a sample fits no shape; shapes must be chosen from the same samples")
    return result


def efficiency(sizes: Ints, shapes: Ints, buckets: Ints) -> dict[str, float]:
    """Share of the padded pixels and of the padded tokens that samples really fill."""
    padded = shapes[buckets]
    pixels = (sizes[:, 0] * sizes[:, 1]).sum() / (padded[:, 0] * padded[:, 1]).sum()
    return {"pixels": round(float(pixels), 4), "tokens": round(float(sizes[:, 2].sum() / padded[:, 2].sum()), 4)}


def save_shapes(shapes: Ints, path: Path) -> None:
    """Write buckets.json."""
    rows = [{"height": int(h), "width": int(w), "tokens": int(t)} for h, w, t in shapes]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"shapes": rows}, indent=1) + "\n", encoding="utf-8")


def load_shapes(path: Path) -> Ints:
    """Read what `save_shapes` wrote, as (S, 3)."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["shapes"]
        return np.array([[row["height"], row["width"], row["tokens"]] for row in rows], dtype=np.int64)
    except FileNotFoundError:
        raise ArtifactError(f"{path}: no such artifact; run `dvc repro bucket`") from None
    except (ValueError, KeyError, TypeError):
        raise ArtifactError(f"{path}: not a list of shapes; run `dvc repro bucket`") from None
