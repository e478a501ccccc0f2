"""Losses: cross-entropy with label smoothing, CTC, attention penalty."""

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from im2latex.config import Params
from im2latex.dataset.vocabulary import Vocabulary


class AttentionPenaltyParams(Params):
    """Penalty on the deviation from uniform attention over the image; 0 is uniform, 100 is one position only."""

    weight: float = Field(default=0.001, gt=0, description="weight in the sum of losses")
    target: float = Field(
        default=5.27, ge=0, le=100, description="deviation that has no penalty; the default is that of Singh 2018"
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
    """Distance of the deviation of attention (B, T - 1, P) from `target`, averaged over the images of a batch.

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


MEDIAN_WINDOW = 100
"""Batches over which the running median goes."""
MIN_LOSSES = 20
"""Batches before the first one that can be a spike."""
