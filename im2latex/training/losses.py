"""Losses of a training: cross-entropy, CTC and attention penalty; scheduled sampling; detection of loss spikes."""

import math
import statistics
from typing import Any, Literal

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor

from im2latex.config import Params
from im2latex.dataset.vocabulary import Vocabulary


class AttentionPenaltyParams(Params):
    """Penalty on the unevenness of attention over the image."""

    weight: float = Field(default=0.001, gt=0, description="weight in the sum of losses")
    target: float = Field(
        default=5.27, ge=0, le=100, description="unevenness without penalty; the default is that of Singh 2018"
    )


def sequence_loss(logits: Tensor, tokens: Tensor, smoothing: float = 0.0) -> Tensor:
    """Mean cross-entropy per token (nats) of logits (B, T - 1, V) against the tokens (B, T) after the first."""
    scores, targets = logits.float().flatten(0, 1), tokens[:, 1:].flatten()
    return F.cross_entropy(scores, targets, ignore_index=Vocabulary.pad, label_smoothing=smoothing)


def ctc_loss(logits: Tensor, tokens: Tensor, lengths: Tensor) -> Tensor:
    """Mean CTC loss per token (nats) of the encoder's logits (B, P, V) against tokens (B, T) with begin mark.

    `lengths` (B,) are those of the labels without marks, on the CPU: PyTorch reads them there, and would have to wait
    for an accelerator at every step.

    Joint training with connectionist temporal classification (Kim, Hori and Watanabe 2017, arXiv 1609.06773) teaches
    the encoder the symbols long before the decoder's attention is aligned. Grid positions run column by column from
    the left, nearly in the order of the tokens; a formula without a path through the grid adds nothing. The padding
    id is the blank.
    """
    scores = logits.float().log_softmax(dim=-1).transpose(0, 1)
    grid = torch.full_like(lengths, scores.shape[0])
    losses = F.ctc_loss(
        scores, tokens[:, 1:], grid, lengths, blank=Vocabulary.pad, reduction="none", zero_infinity=True
    )
    return (losses / lengths.clamp(min=1).to(losses.device, non_blocking=True)).mean()


def attention_penalty(attention: Tensor, tokens: Tensor, target: float) -> Tensor:
    """Distance of the unevenness of attention (B, T - 1, P) from `target`, averaged over the images of a batch.

    The sum of a position over the C tokens (B, T) after the first is C / P where attention is even. The squared
    differences from that are scaled so that all attention on one position is 100 (Singh 2018, arXiv
    1802.05415, and its code; after the doubly stochastic attention of Xu et al. 2015, arXiv 1502.03044).
    """
    scored = (tokens[:, 1:] != Vocabulary.pad).to(attention.dtype)
    C, P = scored.sum(dim=1).clamp(min=1), attention.shape[2]
    sums = torch.einsum("btp,bt->bp", attention, scored)
    uneven = (sums - (C / P)[:, None]).square().sum(dim=1)
    scaled = 100 * uneven / (C.square() * max(P - 1, 1) / P)
    return (scaled.mean() - target).abs()


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


MEDIAN_WINDOW = 100
"""Batches over which the running median goes."""
MIN_LOSSES = 20
"""Batches before the first one that can be a spike."""


class LossMonitor:
    """Detects losses that are not finite or spike, without waiting for the device that computes them.

    A step records tensors; they are read together, some steps later, and checked in order. So what is found, and at
    which batch, does not depend on when it is read.

    `pending` has a pair (total loss, token loss) per batch; `losses` the token losses since the last validation.
    With several processes a pair is the part of this one: the parts are summed before they are checked.
    """

    def __init__(self) -> None:
        self.pending: list[Tensor] = []
        self.losses: list[float] = []
        self._recent: list[float] = []

    def record(self, total: Tensor, token: Tensor) -> None:
        """Record the losses of one more batch, without waiting for them."""
        self.pending.append(torch.stack([total.detach(), token.detach()]))

    def check(self, pairs: list[list[float]], spike_factor: float) -> tuple[int, str] | None:
        """Check the losses of the pending batches, given as numbers; returns the first bad one and its description.

        A loss is bad that is not finite or, where `spike_factor` is not 0, above so many times the running median.
        """
        self.pending.clear()
        for index, (total, token) in enumerate(pairs):
            if not math.isfinite(total):
                return index, f"the loss is {total}"
            if spike_factor and len(self._recent) >= MIN_LOSSES:
                median = statistics.median(self._recent)
                if total > spike_factor * median:
                    return index, f"the loss is {total:.4g}, more than {spike_factor:g} times the median {median:.4g}"
            self._recent = [*self._recent[1 - MEDIAN_WINDOW :], total]
            self.losses.append(token)
        return None

    def state_dict(self) -> dict[str, Any]:
        """Plain values that a resumed run needs; pending losses must have been checked."""
        return {"recent": self._recent, "losses": self.losses}

    def load_state_dict(self, content: dict[str, Any]) -> None:
        """Restore what `state_dict` returned; pending losses are discarded."""
        self._recent, self.losses = list(content["recent"]), list(content["losses"])
        self.pending = []
