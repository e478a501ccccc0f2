"""Padding of the bucketing presets: python -m benchmarks.buckets FILE --help

For each method and number of shapes: the share of padded pixels that belong to an image, the share of padded tokens
that belong to a label, padded to the shape and to the longest label of the batch, and the seconds to choose the shapes.
`frontier` has the same figures over token costs and steps.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import joblib
import numpy as np
import typer

from benchmarks.harness import load, save
from im2latex.config import load_section
from im2latex.dataset.buckets import BucketParams, Ints, assign, choose_shapes, efficiency
from im2latex.dataset.filters import FilterParams
from im2latex.errors import LatexError
from im2latex.latex.normalizer import Normalizer
from im2latex.parallel.process_pool import worker_count
from im2latex.rendering.dataset_images import render_dataset_images
from im2latex.rendering.renderer import TexRenderer
from im2latex.training.sampler import SORT_WINDOW, BatchParams, batch_size
from im2latex.types import Shape
from pipeline.project import NormalizeParams
from pipeline.project_renderer import RenderStageParams

PART_ROWS = 1000
LARGE = 100_000
COUNTS = (8, 16, 24, 48)
STEPS = ((1, 4, 2), (4, 8, 2), (8, 16, 8), (16, 32, 8))
TOKEN_COSTS_PX = (0, 32, 64, 96, 128, 192)
BATCHES = BatchParams(max_images=16, max_pixels=400_000, max_tokens=1024)

File = Annotated[Path, typer.Argument(help="formulas: .txt, .jsonl, .csv or .parquet")]


def main(file: File, count: int = 16000) -> None:
    """Compare all methods on the images of `count` formulas, rendered with pdfium and filtered as in params.yaml."""
    sizes = _filtered(_sizes(load(file, count)), load_section("filter", FilterParams))
    params = load_section("bucket", BucketParams)
    print(f"{len(sizes)} samples", flush=True)
    methods: dict[str, object] = {}
    for shapes in COUNTS:
        fitted = params.model_copy(update={"preset": "fitted", "max_buckets": shapes})
        methods[f"fitted-{shapes}"] = _choose_and_measure(sizes, fitted)
        methods[f"agglomeration-{shapes}"] = _measure(sizes, agglomerate(sizes, shapes), params)
    for preset in ("published-sizes", "token-bins", "none"):
        methods[preset] = _choose_and_measure(sizes, params.model_copy(update={"preset": preset}))
    frontier: dict[str, object] = {}
    for steps in STEPS:
        step_params = dict(zip(("height_step_px", "width_step_px", "tokens_step"), steps, strict=True))
        for shapes in (24, 48):
            for cost in TOKEN_COSTS_PX:
                changes = {**step_params, "max_buckets": shapes, "token_cost_px": cost, "preset": "fitted"}
                name = f"steps {steps}, {shapes} shapes, token_cost_px {cost}"
                frontier[name] = _choose_and_measure(sizes, params.model_copy(update=changes))
    random = np.random.default_rng(0)
    many = sizes[random.integers(len(sizes), size=LARGE)] + random.integers(0, 8, (LARGE, 3))
    seconds = {
        f"fitted-{shapes}": _choose_and_measure(
            many, params.model_copy(update={"preset": "fitted", "max_buckets": shapes})
        )
        for shapes in (24, 48)
    }
    result = {"file": file.name, "samples": len(sizes), "params": params.model_dump(), "methods": methods}
    save("buckets", {**result, "frontier": frontier, f"resampled_and_blurred_to_{LARGE}": seconds})


def _choose_and_measure(sizes: Ints, params: BucketParams) -> dict[str, float]:
    """Choose shapes, time it, and measure the padding."""
    started = time.monotonic()
    shapes = choose_shapes(sizes, params)
    seconds = time.monotonic() - started
    return {**_measure(sizes, shapes, params), "seconds": round(seconds, 2)}


def _measure(sizes: Ints, shapes: Ints, params: BucketParams) -> dict[str, float]:
    buckets = assign(sizes, shapes, params)
    filled = efficiency(sizes, shapes, buckets)
    lengths = sizes[:, 2]
    batches = {"tokens_in_batches": _in_batches(lengths, shapes, buckets, SORT_WINDOW)}
    batches["tokens_in_random_batches"] = _in_batches(lengths, shapes, buckets, 1)
    return {"shapes": len(shapes), **filled, **batches}


def _in_batches(lengths: Ints, shapes: Ints, buckets: Ints, window: int) -> float:
    """Share of padded tokens that belong to a label, each batch padded to its longest label.

    Samples are shuffled, then sorted by length within windows of `window` batches.
    """
    random = np.random.default_rng(0)
    padded = 0
    for bucket, (height, width, tokens) in enumerate(shapes.tolist()):
        members = random.permutation(lengths[buckets == bucket])
        size = batch_size(Shape(height, width, tokens), BATCHES)
        for first in range(0, len(members), size * window):
            ordered = np.sort(members[first : first + size * window]) if window > 1 else members[first : first + size]
            for start in range(0, len(ordered), size):
                batch = ordered[start : start + size]
                padded += int(batch.max()) * len(batch)
    return round(float(lengths.sum() / padded), 4)


def agglomerate(sizes: Ints, max_shapes: int, token_cost_px: int = 256) -> Ints:
    """Baseline: shapes in steps of (16, 32, 8), doubled while too many; then greedy merges of pairs."""
    steps = np.array([16, 32, 8])
    shapes, counts = np.unique(-(-sizes // steps) * steps, axis=0, return_counts=True)
    while len(shapes) > 16 * max_shapes:
        steps = steps * 2
        shapes, counts = np.unique(-(-sizes // steps) * steps, axis=0, return_counts=True)
    while len(shapes) > max_shapes:
        union = np.maximum(shapes[:, None], shapes[None, :])
        area = union[..., 0] * union[..., 1] + token_cost_px * union[..., 2]
        added = (area - area.diagonal()[:, None]) * counts[:, None]
        added = added + added.T
        np.fill_diagonal(added, np.iinfo(added.dtype).max)
        first, second = np.unravel_index(int(added.argmin()), added.shape)
        shapes[first] = union[first, second]
        counts[first] += counts[second]
        shapes, counts = np.delete(shapes, second, axis=0), np.delete(counts, second)
    return shapes


def _filtered(sizes: Ints, limits: FilterParams) -> Ints:
    """Sizes within the limits on size, length and aspect ratio."""
    height, width, length = sizes.T
    kept = (length >= limits.min_tokens) & (length <= limits.max_tokens) & (width <= limits.max_width_px)
    chosen: Ints = sizes[kept & (height <= limits.max_height_px) & (width <= limits.max_aspect * height)]
    return chosen


def _sizes(formulas: Sequence[str]) -> Ints:
    """(height, width, tokens) of each formula that renders."""
    normalizer = load_section("normalize", NormalizeParams).normalizer
    stage = load_section("render", RenderStageParams)

    def measure(part: Sequence[str]) -> list[tuple[int, int, int]]:
        formula_normalizer, texts = Normalizer(normalizer), list[str]()
        for formula in part:
            try:
                texts.append(formula_normalizer.normalize(formula))
            except LatexError:
                continue
        renderer = TexRenderer(stage.renderer.model_copy(update={"rasterizer": "pdfium"}))
        sizes = []
        for text, rendering in zip(texts, render_dataset_images(renderer, texts, stage.image), strict=True):
            if rendering.pixels is not None:
                height, width = rendering.pixels.shape
                sizes.append((height, width, len(text.split())))
        return sizes

    parts = [formulas[start : start + PART_ROWS] for start in range(0, len(formulas), PART_ROWS)]
    rows = joblib.Parallel(n_jobs=worker_count())(joblib.delayed(measure)(part) for part in parts)
    return np.array([row for part in rows for row in part], dtype=np.int64)


if __name__ == "__main__":
    typer.run(main)
