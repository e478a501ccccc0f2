import numpy as np
import pytest

from im2latex.metrics.bootstrap import intervals, resample
from im2latex.metrics.ratios import share, total
from im2latex.metrics.text import TEXT_SCORES, text_columns


def columns(right: int, samples: int) -> dict[str, np.ndarray]:
    exact = np.zeros(samples)
    exact[:right] = 1
    return {"count": np.ones(samples), "exact": exact}


def test_the_interval_of_a_share_is_that_of_the_binomial() -> None:
    low, high = intervals(columns(200, 1000), {"exact": share("exact")}, resamples=2000, seed=3)["exact"]
    deviation = 1.96 * np.sqrt(0.2 * 0.8 / 1000)
    assert low == pytest.approx(0.2 - deviation, abs=0.004)
    assert high == pytest.approx(0.2 + deviation, abs=0.004)


def test_the_seed_fixes_the_interval() -> None:
    data = columns(40, 100)
    once, again, other = (intervals(data, {"exact": share("exact")}, 50, seed) for seed in (1, 1, 2))
    assert once == again != other


def test_every_resample_is_as_large_as_the_set() -> None:
    assert (resample(columns(3, 17), 20, seed=0)["count"] == 17).all()


def test_the_score_of_the_set_lies_inside() -> None:
    references = [f"a b c d e {n}" for n in range(80)]
    hypotheses = [f"a b c d {'x' if n % 3 else 'e'} {n}" for n in range(80)]
    data = text_columns(references, hypotheses)
    bounds = intervals(data, TEXT_SCORES, 200, seed=0)
    for name, score in TEXT_SCORES.items():
        low, high = bounds[name]
        assert low < score(total(data))[0] < high


def test_one_sample_has_no_spread() -> None:
    assert intervals(columns(1, 1), {"exact": share("exact")}, 10, seed=0) == {"exact": (1.0, 1.0)}
