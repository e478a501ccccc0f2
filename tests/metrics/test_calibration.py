import math

import numpy as np
import pytest

from im2latex.metrics.calibration import auroc, expected_calibration_error


def test_calibrated_confidences_have_no_error() -> None:
    probabilities = np.array([0.75] * 4 + [0.25] * 4)
    right = np.array([True, True, True, False, False, False, False, True])
    assert expected_calibration_error(probabilities, right) == pytest.approx(0)


def test_the_error_is_the_gap_weighted_by_the_size_of_the_bin() -> None:
    probabilities, right = np.array([1.0, 1.0, 1.0, 0.05]), np.array([True, False, False, False])
    assert expected_calibration_error(probabilities, right) == pytest.approx((2 + 0.05) / 4)


def test_auroc_counts_pairs_in_order() -> None:
    right = np.array([True, False, True, False])
    assert auroc(np.array([0.9, 0.1, 0.8, 0.2]), right) == 1
    assert auroc(np.array([0.1, 0.9, 0.2, 0.8]), right) == 0
    assert auroc(np.array([0.5, 0.5, 0.5, 0.5]), right) == 0.5
    assert auroc(np.array([0.9, 0.5, 0.5, 0.1]), right) == pytest.approx(3.5 / 4)


def test_scores_of_nothing_are_nan() -> None:
    nothing, none = np.array([]), np.array([], dtype=bool)
    assert math.isnan(expected_calibration_error(nothing, none))
    assert math.isnan(auroc(np.array([0.5]), np.array([True])))
