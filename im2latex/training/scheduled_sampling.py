"""Scheduled sampling (Bengio et al. 2015, arXiv 1506.03099, section 2.4)."""

import math
from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor

from im2latex.config import Params


class ScheduledSamplingParams(Params):
    """Probability of teacher forcing, which decreases with the steps i (Bengio et al. 2015, arXiv 1506.03099, 2.4)."""

    decay: Literal["exponential", "inverse-sigmoid"] = Field(
        default="inverse-sigmoid", description="k^i, or k / (k + exp(i / k))"
    )
    k: float = Field(default=150.0, gt=0, description="below 1 for exponential, at least 1 for inverse-sigmoid")
    step_samples: int = Field(default=16, ge=1, description="samples that count as one step")

    @model_validator(mode="after")
    def _k_fits_decay(self) -> "ScheduledSamplingParams":
        if (self.decay == "exponential") != (self.k < 1):
            raise ValueError(f"k = {self.k} does not fit {self.decay}: below 1 for exponential, else at least 1")
        return self


def teacher_forcing_probability(params: ScheduledSamplingParams, seen: int) -> float:
    """Probability that the decoder input is the token of the label, after `seen` samples."""
    step = seen / params.step_samples
    if params.decay == "exponential":
        return float(params.k**step)
    return 1 / (1 + math.exp(min(step / params.k, 700.0)) / params.k)  # exp of more than 709 overflows


def sampling_mask(tokens: Tensor, params: ScheduledSamplingParams | None, seen: int, seed: int) -> Tensor | None:
    """Mask over tokens (B, T) of inputs that are the decoder's predictions, never the first; None without params."""
    if params is None:
        return None
    drawn = torch.rand(tokens.shape, generator=torch.Generator().manual_seed(seed))
    replaced = drawn >= teacher_forcing_probability(params, seen)
    replaced[:, 0] = False
    return replaced.to(tokens.device)
