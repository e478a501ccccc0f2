"""The search finds what a trial of all boxes finds, where there are few."""

from itertools import combinations_with_replacement, product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from im2latex.dataset.shape_search import UNHELD, Floats, Ints, search

small = st.lists(st.tuples(*[st.integers(1, 3)] * 3), min_size=2, max_size=8, unique=True)


def price(boxes: Ints) -> Floats:
    return (boxes[..., 0] * boxes[..., 1] + 2 * boxes[..., 2]).astype(np.float64)


def cost(points: Ints, counts: Ints, boxes: Ints) -> float:
    held = (points[:, None] <= boxes[None]).all(axis=2)
    return float(counts @ np.where(held, price(boxes), UNHELD).min(axis=1))


@settings(max_examples=30)
@given(small, st.integers(0, 99))
def test_two_boxes_are_near_the_best_two(rows: list[tuple[int, int, int]], seed: int) -> None:
    points = np.array(sorted(rows))
    counts = np.random.default_rng(seed).integers(1, 9, len(points))
    found = cost(points, counts, search(points, counts, 2, price))
    boxes = [np.array(box) for box in product(*[range(1, 4)] * 3)]
    best = min(cost(points, counts, np.array(pair)) for pair in combinations_with_replacement(boxes, 2))
    assert best <= found <= 1.25 * best


def test_no_more_boxes_than_help() -> None:
    points = np.array([[1, 1, 1], [9, 9, 9]])
    assert len(search(points, np.array([5, 1]), 7, price)) == 2


def test_weight_decides() -> None:
    points = np.array([[1, 1, 1], [1, 2, 1], [1, 3, 1]])
    assert [1, 1, 1] in search(points, np.array([9, 1, 1]), 2, price).tolist()
    assert [1, 2, 1] in search(points, np.array([2, 9, 1]), 2, price).tolist()
