"""What the validations of a run have shown: which was the best, and whether there is still progress."""

import math
from dataclasses import dataclass
from typing import Literal

Monitor = Literal["val_loss", "val_token_error", "val_exact"]
"""The validation scores that a run can be steered by; the last is better when larger."""


@dataclass
class EarlyStopping:
    """`best` and `previous` are monitored values; the counts are of validations in a row that were no better.

    `stale` counts since the best one; `waited` since the last drop of the learning rate, against what the schedule
    compares with; `drops` are the drops that a plateau brought.
    """

    best: float = math.inf
    previous: float = math.inf
    stale: int = 0
    waited: int = 0
    drops: int = 0

    def note(self, value: float, patience: int, against: Literal["best", "previous"]) -> bool:
        """Take in the monitored value of one validation; returns whether it is the best so far.

        More than `patience` validations in a row without progress bring a drop, as in PyTorch's ReduceLROnPlateau;
        with patience 0 against the previous one, the rate falls at every turn for the worse (Deng et al. 2017,
        arXiv 1609.04938).
        """
        goal = self.best if against == "best" else self.previous
        better = value < self.best
        self.waited = 0 if value < goal else self.waited + 1
        if self.waited > patience:
            self.drops += 1
            self.waited = 0
        self.stale = 0 if better else self.stale + 1
        self.best = value if better else self.best
        self.previous = value
        return better


def monitored_value(scores: dict[str, float], name: Monitor) -> float:
    """The score of that name, turned so that smaller is better."""
    return -scores[name] if name == "val_exact" else scores[name]
