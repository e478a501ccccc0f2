"""Bucket shapes hold every sample and pad little."""

from itertools import combinations_with_replacement, product
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.buckets import agglomerate
from im2latex.dataset.buckets import (
    PUBLISHED_SIZES,
    TOKEN_BINS,
    UNCOVERED_COST,
    BucketParams,
    Floats,
    Ints,
    assign,
    choose_shapes,
    efficiency,
    load_shapes,
    save_shapes,
    search_shapes,
)
from im2latex.errors import ArtifactError


def params(max_buckets: int = 4, shard_rows: int = 10) -> BucketParams:
    return BucketParams(
        preset="fitted",
        max_buckets=max_buckets,
        height_step_px=16,
        width_step_px=32,
        tokens_step=8,
        token_cost_px=256,
        shard_rows=shard_rows,
    )


sizes = st.lists(st.tuples(st.integers(1, 300), st.integers(1, 900), st.integers(1, 150)), min_size=1, max_size=60)


@given(sizes, st.integers(1, 12))
def test_every_sample_fits_its_shape(rows: list[tuple[int, int, int]], max_buckets: int) -> None:
    array = np.array(rows)
    shapes = choose_shapes(array, params(max_buckets))
    buckets = assign(array, shapes, params(max_buckets))
    assert len(shapes) <= max_buckets
    assert (array <= shapes[buckets]).all()
    assert (shapes % [16, 32, 8] == 0).all()


def test_more_shapes_waste_less() -> None:
    random = np.random.default_rng(0)
    array = np.column_stack(
        [random.integers(16, 200, 2000), random.integers(32, 800, 2000), random.integers(3, 150, 2000)]
    )

    def filled(count: int) -> float:
        shapes = choose_shapes(array, params(count))
        return efficiency(array, shapes, assign(array, shapes, params(count)))["pixels"]

    assert filled(1) < filled(4) < filled(24)
    assert filled(24) > 0.5


@given(sizes, st.randoms(use_true_random=False))
def test_order_does_not_matter(rows: list[tuple[int, int, int]], random: Random) -> None:
    shuffled = random.sample(rows, len(rows))
    assert (choose_shapes(np.array(rows), params()) == choose_shapes(np.array(shuffled), params())).all()


@given(sizes, st.integers(1, 5), st.sampled_from(["fitted", "published-sizes", "token-bins", "none"]))
def test_a_count_is_as_many_samples(rows: list[tuple[int, int, int]], max_buckets: int, name: str) -> None:
    chosen = params(max_buckets).model_copy(update={"preset": name})
    counts = np.arange(1, len(rows) + 1)
    array, every = np.array(rows), np.repeat(np.array(rows), counts, axis=0)
    shapes = choose_shapes(array, chosen, counts)
    assert (shapes == choose_shapes(every, chosen)).all()
    buckets, own = assign(every, shapes, chosen), assign(array, shapes, chosen)
    assert efficiency(array, shapes, own, counts) == efficiency(every, shapes, buckets)


def test_few_sizes_are_the_shapes() -> None:
    array = np.array([[16, 32, 8], [15, 31, 7], [32, 32, 8]])
    assert choose_shapes(array, params(2)).tolist() == [[16, 32, 8], [32, 32, 8]]


def cost(array: Ints, shapes: Ints) -> int:
    padded = shapes[assign(array, shapes, params())]
    return int((padded[:, 0] * padded[:, 1] + 256 * padded[:, 2]).sum())


@pytest.mark.parametrize("count", [2, 5, 12, 24])
@pytest.mark.parametrize("seed", range(4))
def test_never_dearer_than_merging_pairs(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    length = random.integers(3, 150, 600)
    array = np.column_stack([random.integers(16, 200, 600), 30 + 4 * length + random.integers(0, 150, 600), length])
    assert cost(array, choose_shapes(array, params(count))) <= cost(array, agglomerate(array, count))


def test_many_sizes_are_searched_on_a_coarse_grid_and_end_on_the_fine_one() -> None:
    array = np.random.default_rng(2).integers(1, 400, (12_000, 3))
    fine = params(3).model_copy(update={"height_step_px": 1, "width_step_px": 1, "tokens_step": 1})
    shapes = choose_shapes(array, fine)
    assert len(shapes) == 3
    assert shapes.max(axis=0).tolist() == array.max(axis=0).tolist()


def preset(name: str, rows: list[tuple[int, int, int]]) -> Ints:
    return choose_shapes(np.array(rows), params().model_copy(update={"preset": name}))


@given(sizes, st.sampled_from(["published-sizes", "token-bins", "none"]))
def test_every_sample_fits_every_preset(rows: list[tuple[int, int, int]], name: str) -> None:
    assert (assign(np.array(rows), preset(name, rows), params()) >= 0).all()


def test_published_sizes_are_halved_and_completed() -> None:
    shapes = preset("published-sizes", [(40, 120, 20)])
    assert len(shapes) == len(PUBLISHED_SIZES) == 21
    assert [40, 160, 24] in shapes.tolist()
    assert [800, 800, 24] in shapes.tolist()
    more = preset("published-sizes", [(40, 120, 20), (30, 810, 90), (801, 20, 5)])
    assert len(more) == 22
    assert [816, 832, 96] in more.tolist()


def test_token_bins_share_the_largest_image() -> None:
    shapes = preset("token-bins", [(40, 120, 20), (90, 30, 151)]).tolist()
    bins = [[96, 128, length] for length in TOKEN_BINS]
    assert sorted(shapes) == sorted([*bins, [96, 32, 152]]), "what is longer than the last bin has a shape of its own"


def test_none_is_one_shape() -> None:
    assert preset("none", [(40, 120, 20), (90, 30, 151)]).tolist() == [[96, 128, 152]]


def test_round_trip_and_damage(tmp_path: Path) -> None:
    shapes = np.array([[16, 32, 8], [32, 64, 16]])
    save_shapes(shapes, tmp_path / "buckets.json")
    assert (load_shapes(tmp_path / "buckets.json") == shapes).all()
    (tmp_path / "buckets.json").write_text("[]")
    with pytest.raises(ArtifactError, match="not a list of shapes"):
        load_shapes(tmp_path / "buckets.json")


def test_foreign_shapes_are_refused() -> None:
    with pytest.raises(AssertionError, match="fits no shape"):
        assign(np.array([[100, 100, 10]]), np.array([[16, 32, 8]]), params())


CASES = 150


def price(boxes: Ints) -> Floats:
    return (boxes[..., 0] * boxes[..., 1] + 2 * boxes[..., 2]).astype(np.float64)


def cost_of_boxes(points: Ints, counts: Ints, boxes: Ints) -> float:
    held = (points[:, None] <= boxes[None]).all(axis=2)
    return float(counts @ np.where(held, price(boxes), UNCOVERED_COST).min(axis=1))


def test_two_boxes_are_near_the_best_two() -> None:
    """The search takes the box that helps most, one after the other: it has no bound, so many cases are looked at."""
    boxes = [np.array(box) for box in product(*[range(1, 4)] * 3)]
    pairs = [np.array(pair) for pair in combinations_with_replacement(boxes, 2)]
    ratios = []
    for seed in range(CASES):
        generator = np.random.default_rng(seed)
        points = np.unique(generator.integers(1, 4, (generator.integers(2, 9), 3)), axis=0)
        counts = generator.integers(1, 9, len(points))
        best = min(cost_of_boxes(points, counts, pair) for pair in pairs)
        ratios.append(cost_of_boxes(points, counts, search_shapes(points, counts, 2, price)) / best)
    assert min(ratios) >= 1
    assert np.mean(ratios) < 1.03
    assert np.quantile(ratios, 0.75) == 1, "three of four are the best there are"
    assert max(ratios) < 1.5


def test_no_more_boxes_than_help() -> None:
    points = np.array([[1, 1, 1], [9, 9, 9]])
    assert len(search_shapes(points, np.array([5, 1]), 7, price)) == 2


def test_weight_decides() -> None:
    points = np.array([[1, 1, 1], [1, 2, 1], [1, 3, 1]])
    assert [1, 1, 1] in search_shapes(points, np.array([9, 1, 1]), 2, price).tolist()
    assert [1, 2, 1] in search_shapes(points, np.array([2, 9, 1]), 2, price).tolist()
