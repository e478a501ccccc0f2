"""Quality of confidences: expected calibration error and AUROC.

Arguments are probabilities (N,) from 0 to 1, and whether each prediction is right (N,).
"""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

BINS = 10


def expected_calibration_error(probabilities: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Mean difference of confidence and accuracy over ten equal bins of confidence, weighted by their size.

    Naeini et al., "Obtaining Well Calibrated Probabilities Using Bayesian Binning" (AAAI 2015), section 4. NaN for no
    predictions.
    """
    bins = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    difference = np.bincount(bins, probabilities - right, minlength=BINS)
    return float(np.abs(difference).sum() / len(right)) if len(right) else float("nan")


def auroc(probabilities: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Probability that a right prediction has a higher confidence than a wrong one; ties count half.

    The area under the ROC curve. NaN where all predictions are right, or all wrong.
    """
    positive, negative = int(right.sum()), int((~right).sum())
    if not positive or not negative:
        return float("nan")
    ranks = rankdata(probabilities)[right].sum()
    return float((ranks - positive * (positive + 1) / 2) / (positive * negative))
