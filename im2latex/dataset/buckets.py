"""Buckets: a small fixed set of padded shapes, chosen from the data so that batches need little padding.

A shape is (height, width, tokens); a sample belongs to the cheapest shape that holds it. No sample is dropped or
repeated to fill a batch: a batch has one shape, and training shifts each image within it.

reads, writes  buckets.json: {"shapes": [{"height", "width", "tokens"}, ...]}
"""

import json
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from im2latex.config import Params
from im2latex.dataset.bucket_search import Ints, search
from im2latex.errors import ArtifactError

PUBLISHED_SIZES = (
    *((240, 100), (320, 80), (400, 80), (400, 100), (480, 80), (480, 100), (560, 80), (560, 100), (640, 80)),
    *((640, 100), (720, 80), (720, 100), (720, 120), (720, 200), (800, 100), (800, 320), (1000, 200), (1000, 400)),
    *((1200, 200), (1600, 200), (1600, 1600)),
)
"""(width, height) at 200 dpi, before images are downsampled by 2: `preprocess_images.py`, harvardnlp/im2markup."""
TOKEN_BINS = (28, 35, 41, 48, 55, 64, 75, 88, 105, 150)
"""Longest label of each bin of Singh 2018 (arXiv 1802.05415), whose batches of 56 come from one bin."""


class BucketParams(Params):
    """How shapes are chosen, their granularity, and the size of a shard."""

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


def choose_shapes(sizes: Ints, params: BucketParams) -> Ints:
    """Return shapes (S, 3) for `sizes` (N, 3), both as (height, width, tokens); every sample fits one.

    fitted           at most `max_buckets` multiples of the steps, found by `bucket_search`
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
            shapes = _fitted(rounded, steps, params)
        case "published-sizes":
            shapes = _completed(np.array([(h // 2, w // 2, tokens) for w, h in PUBLISHED_SIZES]), sizes, rounded)
        case "token-bins":
            shapes = _completed(np.array([(height, width, length) for length in TOKEN_BINS]), sizes, rounded)
        case "none":
            shapes = np.array([(height, width, tokens)])
    return shapes[np.lexsort(shapes.T[::-1])]


def _fitted(rounded: Ints, steps: Ints, params: BucketParams) -> Ints:
    """Search on a coarse grid, then shrink every shape to the samples it holds."""
    points, counts = np.unique(rounded, axis=0, return_counts=True)
    if len(points) <= params.max_buckets:
        return points
    # The search time grows with points times shapes: ten seconds at this limit for 48 shapes. 100,000 arXiv formulas
    # have 18,000 different sizes at the default steps; a coarser grid costs one to two percentage points of padding.
    limit = max(4 * params.max_buckets, min(30_000, 1_500_000 // params.max_buckets))
    coarse, weights = _coarsen(points, counts, steps, limit)
    shapes = search(coarse, weights, params.max_buckets, lambda boxes: _area(boxes, params).astype(np.float64))
    owners = assign(points, shapes, params)
    return np.unique([points[owners == owner].max(axis=0) for owner in np.unique(owners)], axis=0)


def _coarsen(points: Ints, counts: Ints, steps: Ints, limit: int) -> tuple[Ints, Ints]:
    """Double the steps in turn, those of the tokens first, until at most `limit` points are left."""
    steps, side = steps.copy(), 2
    while len(points) > limit:
        steps[side] *= 2
        side = (side - 1) % 3
        points, inverse = np.unique(-(-points // steps) * steps, axis=0, return_inverse=True)
        counts = np.bincount(inverse.ravel(), weights=counts).astype(np.int64)
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


def efficiency(sizes: Ints, shapes: Ints, buckets: Ints) -> dict[str, float]:
    """Return the shares of the padded pixels and of the padded tokens that samples fill."""
    padded = shapes[buckets]
    pixels = (sizes[:, 0] * sizes[:, 1]).sum() / (padded[:, 0] * padded[:, 1]).sum()
    return {"pixels": round(float(pixels), 4), "tokens": round(float(sizes[:, 2].sum() / padded[:, 2].sum()), 4)}


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
