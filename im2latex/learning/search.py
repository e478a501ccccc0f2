"""From a picture to its most probable tokens: greedy and beam search.

Both decode a batch with the decoder's cache, drop rows as they finish, and stop at a given length, so that they
always end. A row's result does not depend on its neighbours in the batch.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.learning.network import Network


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """Token ids without begin and end marks, and the natural logarithm of their joint probability.

    `finished` is false where the length limit came before the end mark.
    """

    tokens: list[int]
    log_probability: float
    finished: bool


@torch.inference_mode()
def greedy(network: Network, images: Tensor, max_tokens: int) -> list[Hypothesis]:
    """Follow the best token at each step; one hypothesis a picture (B, 1, H, W) of at most `max_tokens` tokens."""
    state = network.start(images)
    rows = torch.arange(len(images), device=images.device)
    last = torch.full_like(rows, Vocabulary.bos)
    tokens = torch.full((len(images), max_tokens + 1), Vocabulary.eos, device=images.device)
    total = torch.zeros(len(images), device=images.device)
    for place in range(max_tokens + 1):
        logits, state = network.step(state, last)
        scores, last = _forbid(logits).max(dim=-1)
        total[rows] += scores
        tokens[rows, place] = last
        going = last != Vocabulary.eos
        if not going.all():
            rows, last, state = rows[going], last[going], [part[going] for part in state]
        if not len(rows):
            break
    return [_hypothesis(*row) for row in zip(tokens.tolist(), total.tolist(), strict=True)]


def _forbid(logits: Tensor) -> Tensor:
    """Log probabilities (B, V) in which the marks that never follow a token are impossible."""
    scores = logits.float().log_softmax(dim=-1)
    scores[:, [Vocabulary.pad, Vocabulary.bos]] = -torch.inf
    return scores


def _hypothesis(tokens: list[int], log_probability: float) -> Hypothesis:
    """Cut at the end mark; the last place of `tokens` holds it or the token that was one too many."""
    finished = Vocabulary.eos in tokens
    length = tokens.index(Vocabulary.eos) if finished else len(tokens) - 1
    return Hypothesis(tokens[:length], log_probability, finished)


@torch.inference_mode()
def beam(network: Network, images: Tensor, max_tokens: int, width: int) -> list[Hypothesis]:
    """Keep the `width` best beginnings; returns for each picture the finished one with the best mean log probability.

    Pictures are searched one at a time, their beams as a batch.
    """
    return [_beam_one(network, image[None], max_tokens, width) for image in images]


def _beam_one(network: Network, image: Tensor, max_tokens: int, width: int) -> Hypothesis:
    """Beam search on one picture (1, 1, H, W)."""
    state = network.start(image)
    beams = [Hypothesis([], 0.0, False)]
    ended: list[Hypothesis] = []
    for _ in range(max_tokens + 1):
        last = torch.tensor([[Vocabulary.bos, *one.tokens][-1] for one in beams], device=image.device)
        logits, state = network.step(state, last)
        totals = _forbid(logits) + torch.tensor([[one.log_probability] for one in beams], device=image.device)
        best = totals.flatten().topk(min(2 * width, totals.numel()))
        parents: list[int] = []
        kept: list[Hypothesis] = []
        for rank, (total, place) in enumerate(zip(best.values.tolist(), best.indices.tolist(), strict=True)):
            if total == -torch.inf:
                break
            parent, token = divmod(place, totals.shape[1])
            if token == Vocabulary.eos and rank < width:
                ended.append(Hypothesis(beams[parent].tokens, total, True))
            elif token != Vocabulary.eos and len(kept) < width:
                parents.append(parent)
                kept.append(Hypothesis([*beams[parent].tokens, token], total, False))
        if len(ended) >= width:
            break
        beams, state = kept, [part[parents] for part in state]
    cut = [Hypothesis(one.tokens[:max_tokens], one.log_probability, False) for one in beams]
    return max(ended or cut, key=lambda one: one.log_probability / (len(one.tokens) + 1))
