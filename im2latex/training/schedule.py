"""Learning rate schedules: warm-up, then one of six kinds of decay.

WSD is warm-up, stable, decay (Hu et al. 2024, arXiv 2404.06395): a constant rate with a decay at the end.
"""

import math
from typing import Literal

from pydantic import Field

from im2latex.config import Params


class ScheduleParams(Params):
    """Learning rate schedule; `decay` decides which of the keys apply."""

    warmup_samples: int = Field(default=800, ge=0, description="samples over which the learning rate rises to its peak")
    decay: Literal["linear", "cosine", "wsd", "constant", "steps", "plateau"] = Field(
        default="linear",
        description="linear, cosine: to zero over the budget; wsd (warm-up, stable, decay): to zero over its last "
        "part; constant; steps: drops at given samples; plateau: drops where the monitored score does not improve",
    )
    decay_share: float = Field(
        default=0.2, gt=0, le=1, description="of wsd: share of the budget, at its end, that decays"
    )
    decay_samples: int | None = Field(default=None, ge=1, description="of wsd: samples that decay, instead of a share")
    drop_factor: float = Field(default=0.5, gt=0, lt=1, description="of steps and plateau: factor of one drop")
    drop_floor: float = Field(default=0.0, ge=0, le=1, description="of steps and plateau: smallest share of the peak")
    drop_at_samples: list[int] = Field(default=[], description="of steps: samples seen at each drop")
    drop_patience: int = Field(default=3, ge=0, description="of plateau: validations without improvement before a drop")
    drop_against: Literal["best", "previous"] = Field(default="best", description="of plateau: the score to improve on")


def learning_rate_factor(
    params: ScheduleParams, seen: int, total: int, drops: int = 0, budget_used: float | None = None
) -> float:
    """Share of the peak learning rate for the step after `seen` of `total` samples.

    `drops` are the drops of a plateau so far. `budget_used` is the used share of the budget where that is not
    `seen / total`, as with a deadline. The result is the smaller of warm-up and decay.
    """
    used = seen / total if budget_used is None else budget_used
    return min(_decay(params, seen, total, drops, used), (seen + 1) / max(1, params.warmup_samples))


def _decay(params: ScheduleParams, seen: int, total: int, drops: int, budget_used: float) -> float:
    left = max(0.0, 1 - budget_used)
    match params.decay:
        case "linear":
            return left
        case "cosine":
            return 0.5 - 0.5 * math.cos(math.pi * left)
        case "wsd":  # Hu et al. 2024, arXiv 2404.06395, section 4
            if params.decay_samples is not None:
                return min(1.0, max(0, total - seen) / params.decay_samples)
            return min(1.0, left / params.decay_share)
        case "constant":
            return 1.0
        case "steps":
            drops = sum(samples <= seen for samples in params.drop_at_samples)
    return max(params.drop_floor, params.drop_factor**drops)
