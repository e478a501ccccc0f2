"""The search finds the optimum of an exhaustive search in small cases."""

from itertools import combinations_with_replacement, product

import numpy as np

from im2latex.dataset.bucket_search import UNCOVERED_COST, Floats, Ints, search

CASES = 150


def price(boxes: Ints) -> Floats:
    return (boxes[..., 0] * boxes[..., 1] + 2 * boxes[..., 2]).astype(np.float64)


def cost(points: Ints, counts: Ints, boxes: Ints) -> float:
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
        best = min(cost(points, counts, pair) for pair in pairs)
        ratios.append(cost(points, counts, search(points, counts, 2, price)) / best)
    assert min(ratios) >= 1
    assert np.mean(ratios) < 1.03
    assert np.quantile(ratios, 0.75) == 1, "three of four are the best there are"
    assert max(ratios) < 1.5


def test_no_more_boxes_than_help() -> None:
    points = np.array([[1, 1, 1], [9, 9, 9]])
    assert len(search(points, np.array([5, 1]), 7, price)) == 2


def test_weight_decides() -> None:
    points = np.array([[1, 1, 1], [1, 2, 1], [1, 3, 1]])
    assert [1, 1, 1] in search(points, np.array([9, 1, 1]), 2, price).tolist()
    assert [1, 2, 1] in search(points, np.array([2, 9, 1]), 2, price).tolist()
