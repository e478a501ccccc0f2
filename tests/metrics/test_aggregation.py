import numpy as np

from im2latex.metrics.aggregation import mean, ratio, sum_columns


def test_ratio_takes_the_given_value_over_nothing() -> None:
    assert ratio(np.array([1.0, 0.0]), np.array([4.0, 0.0]), empty=1.0).tolist() == [0.25, 1.0]


def test_share_is_the_mean_over_all_samples() -> None:
    sums = sum_columns({"count": np.ones(4), "exact": np.array([1.0, 0, 0, 0])})
    assert mean("exact")(sums).tolist() == [0.25]


def test_total_of_no_samples_is_zero() -> None:
    assert sum_columns({"count": np.zeros(0)})["count"].tolist() == [0.0]
