"""Lines of the benchmark of each part beside earlier results."""

import pytest

from benchmarks.quick import TOLERANCE, line, processor


@pytest.mark.parametrize(
    ("now", "mark"),
    [(100 * (1 + TOLERANCE) + 1, "slower"), (100.0, ""), (100 / (1 + TOLERANCE) - 1, "faster")],
)
def test_a_change_over_the_tolerance_is_marked(now: float, mark: str) -> None:
    words = line("train", now, 100.0).split()
    assert words[:3] == ["train", f"{now:.3f}", "100.000"]
    assert words[4:] == mark.split()


def test_a_figure_without_earlier_results_has_no_ratio() -> None:
    assert line("train", 1.0, None).split() == ["train", "1.000"]


def test_the_processor_has_a_name() -> None:
    assert processor().strip()
