"""What training makes small."""

import torch
import torch.nn.functional as F
from torch import Tensor

from im2latex.dataset.vocabulary import Vocabulary


def sequence_loss(logits: Tensor, tokens: Tensor, smoothing: float = 0.0) -> Tensor:
    """Mean cross-entropy a token (nats) of logits (B, T - 1, V) against the tokens (B, T) after the first."""
    scores, targets = logits.float().flatten(0, 1), tokens[:, 1:].flatten()
    return F.cross_entropy(scores, targets, ignore_index=Vocabulary.pad, label_smoothing=smoothing)


def reading_loss(logits: Tensor, tokens: Tensor) -> Tensor:
    """Mean CTC loss a token (nats) of the encoder's reading (B, P, V) against tokens (B, T), begin mark and all.

    Joint training with connectionist temporal classification (Kim, Hori and Watanabe 2017, arXiv 1609.06773) gives
    the encoder its symbols long before the decoder's attention has found them. Columns are read from the left,
    which is only nearly the order of the tokens: where a formula has no path through the grid, it adds nothing.
    The padding id is the blank.
    """
    scores = logits.float().log_softmax(dim=-1).transpose(0, 1)
    marks = torch.tensor([Vocabulary.pad, Vocabulary.bos, Vocabulary.eos], device=tokens.device)
    lengths = torch.isin(tokens, marks, invert=True).sum(dim=1)
    grid = torch.full_like(lengths, scores.shape[0])
    losses = F.ctc_loss(
        scores, tokens[:, 1:], grid, lengths, blank=Vocabulary.pad, reduction="none", zero_infinity=True
    )
    return (losses / lengths.clamp(min=1)).mean()
