import numpy as np
import pytest

from im2latex.metrics.bootstrap import bootstrap_intervals, mean, ratio, resample_sums, sum_columns
from im2latex.metrics.registry import aggregates
from im2latex.metrics.text import text_columns


def columns(right: int, samples: int) -> dict[str, np.ndarray]:
    exact = np.zeros(samples)
    exact[:right] = 1
    return {"count": np.ones(samples), "exact": exact}


def test_the_interval_of_a_share_is_that_of_the_binomial() -> None:
    low, high = bootstrap_intervals(columns(200, 1000), {"exact": mean("exact")}, resamples=2000, seed=3)["exact"]
    deviation = 1.96 * np.sqrt(0.2 * 0.8 / 1000)
    assert low == pytest.approx(0.2 - deviation, abs=0.004)
    assert high == pytest.approx(0.2 + deviation, abs=0.004)


def test_the_seed_fixes_the_interval() -> None:
    data = columns(40, 100)
    once, again, other = (bootstrap_intervals(data, {"exact": mean("exact")}, 50, seed) for seed in (1, 1, 2))
    assert once == again != other


def test_every_resample_is_as_large_as_the_set() -> None:
    assert (resample_sums(columns(3, 17), 20, seed=0)["count"] == 17).all()


def test_the_interval_contains_the_score() -> None:
    references = [f"a b c d e {n}" for n in range(80)]
    hypotheses = [f"a b c d {'x' if n % 3 else 'e'} {n}" for n in range(80)]
    data = text_columns(references, hypotheses)
    bounds = bootstrap_intervals(data, aggregates("text"), 200, seed=0)
    for name, score in aggregates("text").items():
        low, high = bounds[name]
        assert low < score(sum_columns(data))[0] < high


def test_one_sample_has_no_spread() -> None:
    assert bootstrap_intervals(columns(1, 1), {"exact": mean("exact")}, 10, seed=0) == {"exact": (1.0, 1.0)}


def test_ratio_takes_the_given_value_over_nothing() -> None:
    assert ratio(np.array([1.0, 0.0]), np.array([4.0, 0.0]), empty=1.0).tolist() == [0.25, 1.0]


def test_share_is_the_mean_over_all_samples() -> None:
    sums = sum_columns({"count": np.ones(4), "exact": np.array([1.0, 0, 0, 0])})
    assert mean("exact")(sums).tolist() == [0.25]


def test_total_of_no_samples_is_zero() -> None:
    assert sum_columns({"count": np.zeros(0)})["count"].tolist() == [0.0]
