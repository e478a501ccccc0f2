import math
from typing import Any

import pytest

from im2latex.reporting.score_curves import CLASSES, score_curves


def row(number: int, length: int, correct: bool) -> dict[str, Any]:
    return {"formula_id": str(number), "reference": " ".join("x" * length), "image_exact": correct, "exact": correct}


ROWS = [row(number, length=1 + number // 10, correct=number < 150) for number in range(300)]


def test_samples_are_in_classes_of_equal_size_by_length() -> None:
    (curve,) = score_curves(ROWS, {})
    assert len(curve.points) == CLASSES
    assert {point.samples for point in curve.points} == {25}
    assert [point.x for point in curve.points] == sorted(point.x for point in curve.points)
    assert (curve.points[0].value, curve.points[-1].value) == (1, 0)
    assert sum(point.value * point.samples for point in curve.points) == pytest.approx(150)


def test_a_confidence_that_is_right_has_no_calibration_error() -> None:
    certain = {str(number): 0.0 if number < 150 else -50.0 for number in range(300)}
    assert score_curves(ROWS, certain)[1].calibration_error == pytest.approx(0)
    unsure = {str(number): math.log(0.9) for number in range(300)}
    assert score_curves(ROWS, unsure)[1].calibration_error == pytest.approx(0.4)


def test_few_samples_are_one_class_and_none_no_curve() -> None:
    (curve,) = score_curves(ROWS[:3], {})
    assert [point.samples for point in curve.points] == [3]
    assert score_curves([], {}) == ()


@pytest.mark.parametrize(("correct", "interval"), [(5, (0.2366, 0.7634)), (0, (0, 0.2775))])
def test_the_interval_is_that_of_wilson(correct: int, interval: tuple[float, float]) -> None:
    """Of ten samples; the first is of Newcombe (1998)."""
    (curve,) = score_curves([row(number, length=5, correct=number < correct) for number in range(10)], {})
    assert curve.points[0].interval == pytest.approx(interval, abs=1e-4)
