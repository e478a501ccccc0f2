"""Shapes hold every sample and waste little."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from im2latex.dataset.buckets import BucketParams, assign, choose_shapes, efficiency, load_shapes, save_shapes
from im2latex.errors import ArtifactError


def params(max_shapes: int = 4, shard_rows: int = 10) -> BucketParams:
    return BucketParams(
        max_shapes=max_shapes,
        height_step_px=16,
        width_step_px=32,
        tokens_step=8,
        token_pixels=256,
        shard_rows=shard_rows,
    )


sizes = st.lists(st.tuples(st.integers(1, 300), st.integers(1, 900), st.integers(1, 150)), min_size=1, max_size=60)


@given(sizes, st.integers(1, 12))
def test_every_sample_fits_its_shape(rows: list[tuple[int, int, int]], max_shapes: int) -> None:
    array = np.array(rows)
    shapes = choose_shapes(array, params(max_shapes))
    buckets = assign(array, shapes, params(max_shapes))
    assert len(shapes) <= max_shapes
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


def test_order_does_not_matter() -> None:
    array = np.random.default_rng(1).integers(1, 200, (500, 3))
    assert (choose_shapes(array, params()) == choose_shapes(array[::-1], params())).all()


def test_a_merged_shape_weighs_what_its_samples_weigh() -> None:
    widths = [10, 20, *[30] * 9, *[100] * 3, 105]
    array = np.array([[16, width, 8] for width in widths])
    shapes = choose_shapes(array, params(3).model_copy(update={"width_step_px": 1}))
    assert shapes[:, 1].tolist() == [20, 30, 105], "10 went to 20; both together are dearer to widen than three of 100"


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
