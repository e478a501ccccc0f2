"""The learning rate over a run: warm-up, then one of six ways down."""

import math
from typing import Literal

from pydantic import Field

from im2latex.config import Params


class ScheduleParams(Params):
    """The keys of a training run that decide its learning rate; `decay` says which of them are looked at."""

    warmup_samples: int = Field(ge=0, description="samples over which the learning rate rises to its peak")
    decay: Literal["linear", "cosine", "wsd", "constant", "steps", "plateau"] = Field(
        description="linear, cosine: to zero over the budget; wsd (warm-up, stable, decay): to zero over its last "
        "part; constant; steps: drops at given samples; plateau: drops where the validation score gets no better"
    )
    decay_share: float = Field(0.2, gt=0, le=1, description="of wsd: the last part of the budget, as a share")
    decay_samples: int | None = Field(None, ge=1, description="of wsd: the last part in samples, instead of a share")
    drop_factor: float = Field(0.5, gt=0, lt=1, description="of steps and plateau: what a drop does to the rate")
    drop_floor: float = Field(0.0, ge=0, le=1, description="of steps and plateau: least share of the peak")
    drop_at_samples: list[int] = Field([], description="of steps: samples seen at each drop")
    drop_patience: int = Field(3, ge=0, description="of plateau: validations in a row that may be no better")
    drop_against: Literal["best", "previous"] = Field("best", description="of plateau: what is to be surpassed")


def learning_rate_factor(
    params: ScheduleParams, seen: int, total: int, drops: int = 0, spent: float | None = None
) -> float:
    """The share of the peak learning rate for the step after `seen` of `total` samples.

    `drops` counts those that a plateau has brought so far. `spent` is the share of the budget that is used up where
    that is not `seen / total`, as before a deadline. The warm-up is a ceiling over the way down.
    """
    used = seen / total if spent is None else spent
    return min(_descent(params, seen, total, drops, used), (seen + 1) / max(1, params.warmup_samples))


def _descent(params: ScheduleParams, seen: int, total: int, drops: int, spent: float) -> float:
    left = max(0.0, 1 - spent)
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
