"""Early stopping: the best monitored value so far, and patience."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from im2latex.training.validation import LARGER_IS_BETTER, Monitor


@dataclass
class EarlyStopping:
    """State of the monitored value, which is better when smaller.

    `bad_validations` counts validations in a row since the best one; `plateau_validations` those since the last drop
    of the learning rate that were no better than what the schedule compares with; `drops` the drops so far.
    """

    best: float = math.inf
    previous: float = math.inf
    bad_validations: int = 0
    plateau_validations: int = 0
    drops: int = 0

    def update(self, value: float, patience: int, against: Literal["best", "previous"]) -> bool:
        """Add the monitored value of one validation; returns whether it is the best so far.

        More than `patience` validations in a row without improvement cause a drop, as in PyTorch's ReduceLROnPlateau;
        with patience 0 against the previous value, the rate drops at every increase (Deng et al. 2017,
        arXiv 1609.04938).
        """
        reference = self.best if against == "best" else self.previous
        better = value < self.best
        self.plateau_validations = 0 if value < reference else self.plateau_validations + 1
        if self.plateau_validations > patience:
            self.drops += 1
            self.plateau_validations = 0
        self.bad_validations = 0 if better else self.bad_validations + 1
        self.best = value if better else self.best
        self.previous = value
        return better


def monitored_value(scores: Mapping[str, float], monitor: Monitor) -> float:
    """The score of that name, negated where larger is better."""
    return -scores[monitor] if monitor in LARGER_IS_BETTER else scores[monitor]
