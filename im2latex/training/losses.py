"""What training makes small."""

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from im2latex.config import Params
from im2latex.dataset.vocabulary import Vocabulary


class AttentionPenaltyParams(Params):
    """How much it costs when attention is spread over the image otherwise than usual."""

    weight: float = Field(gt=0, description="its weight in the sum of losses")
    target: float = Field(ge=0, le=100, description="the unevenness that costs nothing; Singh 2018 found 5.27")


def sequence_loss(logits: Tensor, tokens: Tensor, smoothing: float = 0.0) -> Tensor:
    """Mean cross-entropy a token (nats) of logits (B, T - 1, V) against the tokens (B, T) after the first."""
    scores, targets = logits.float().flatten(0, 1), tokens[:, 1:].flatten()
    return F.cross_entropy(scores, targets, ignore_index=Vocabulary.pad, label_smoothing=smoothing)


def ctc_loss(logits: Tensor, tokens: Tensor, lengths: Tensor) -> Tensor:
    """Mean CTC loss a token (nats) of the CTC head's logits (B, P, V) against tokens (B, T), begin mark and all.

    `lengths` (B,) are those of the labels without marks, in the processor's memory: PyTorch reads them there, and
    would wait for an accelerator at every step to fetch them.

    Joint training with connectionist temporal classification (Kim, Hori and Watanabe 2017, arXiv 1609.06773) gives
    the encoder its symbols long before the decoder's attention has found them. Columns are read from the left,
    which is only nearly the order of the tokens: where a formula has no path through the grid, it adds nothing.
    The padding id is the blank.
    """
    scores = logits.float().log_softmax(dim=-1).transpose(0, 1)
    grid = torch.full_like(lengths, scores.shape[0])
    losses = F.ctc_loss(
        scores, tokens[:, 1:], grid, lengths, blank=Vocabulary.pad, reduction="none", zero_infinity=True
    )
    return (losses / lengths.clamp(min=1).to(losses.device, non_blocking=True)).mean()


def attention_penalty(attention: Tensor, tokens: Tensor, target: float) -> Tensor:
    """How far the unevenness of attention (B, T - 1, P) is from `target`, as a mean over the images of a batch.

    A position's sum over the C places that are tokens (B, T) after the first is C / P where attention is even. The
    squared differences from that are scaled so that all attention on one position is 100 (Singh 2018, arXiv
    1802.05415, and its code; after the doubly stochastic attention of Xu et al. 2015, arXiv 1502.03044).
    """
    scored = (tokens[:, 1:] != Vocabulary.pad).to(attention.dtype)
    C, P = scored.sum(dim=1).clamp(min=1), attention.shape[2]
    sums = torch.einsum("btp,bt->bp", attention, scored)
    uneven = (sums - (C / P)[:, None]).square().sum(dim=1)
    scaled = 100 * uneven / (C.square() * max(P - 1, 1) / P)
    return (scaled.mean() - target).abs()
