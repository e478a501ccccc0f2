"""Beam search over a whole batch: the beams of all images are extended at the same step.

Shape letters: R images still in the search, G groups of beams, W beams in a group. A group keeps its W best prefixes.
Of their 2 W best continuations, those that end are finished formulas if they are among the first W, and a group is done
when it has W of them. An image leaves the batch when all its groups are done.
"""

import math
from collections.abc import Callable
from typing import Literal

import torch
from pydantic import Field, field_validator, model_validator
from torch import Tensor

from im2latex.config import Params
from im2latex.dataset.vocabulary import Vocabulary
from im2latex.decoding.greedy import Constraint, DecoderState, Hypothesis, greedy
from im2latex.errors import ArtifactError
from im2latex.models.model import Network


class SearchParams(Params):
    """Parameters of the search."""

    beam: int = Field(default=1, ge=1, description="beam width; 1 is greedy search")
    length_penalty: float = Field(
        default=1.0, ge=0, description="exponent of the length that divides a log probability; 0 for no division"
    )
    length_normalization: Literal["mean", "gnmt"] = Field(
        default="mean",
        description="length that divides a log probability: the tokens (mean), or as in Google NMT (gnmt)",
    )
    num_beam_groups: int = Field(default=1, ge=1, description="groups of beams in diverse beam search; divides beam")
    diversity_penalty: float = Field(
        default=0.5, ge=0, description="cost, in nats, of a token that an earlier group chose at the same step"
    )

    @field_validator("length_penalty", mode="before")
    @classmethod
    def _is_a_number(cls, value: object) -> object:
        if value in ("mean", "wu", "gnmt"):
            name = "mean" if value == "mean" else "gnmt"
            raise ValueError(f"is a number now, the former alpha; set length_normalization: {name}")
        return value

    @model_validator(mode="after")
    def _groups_are_equal(self) -> "SearchParams":
        if self.beam % self.num_beam_groups:
            raise ValueError(f"num_beam_groups = {self.num_beam_groups} does not divide beam = {self.beam}")
        return self


def search(
    network: Network, images: Tensor, max_tokens: int, params: SearchParams, constraint: Constraint | None = None
) -> list[list[Hypothesis]]:
    """Hypotheses for each image (B, 1, H, W), best first, by greedy or beam search.

    Raises `ArtifactError` where the network's scores are NaN, which finite weights can cause.
    """
    if params.beam == 1:
        found = [[one] for one in greedy(network, images, max_tokens, constraint)]
    else:
        found = beam(network, images, max_tokens, params, constraint)
    if any(not several or any(math.isnan(one.log_probability) for one in several) for several in found):
        raise ArtifactError("the checkpoint gives scores that are not numbers; its weights are damaged, use another")
    return found


def length_normalized(params: SearchParams, hypothesis: Hypothesis) -> float:
    """The score that ranks hypotheses; the end token counts as a token.

    `mean` with `length_penalty` 1 is the mean log probability of a token. `gnmt` is equation 14 of Wu et al. 2016
    ("Google's Neural Machine Translation System") without its coverage penalty: the divisor is
    ((5 + length) / 6) ** length_penalty.
    """
    length = len(hypothesis.tokens) + 1
    divisor = length if params.length_normalization == "mean" else (5 + length) / 6
    return float(hypothesis.log_probability / divisor**params.length_penalty)


@torch.inference_mode()
def beam(
    network: Network, images: Tensor, max_tokens: int, params: SearchParams, constraint: Constraint | None = None
) -> list[list[Hypothesis]]:
    """For each image (B, 1, H, W) different formulas of at most `max_tokens` tokens, best first, at least one.

    They are finished formulas, about as many as there are beams, or unfinished ones where no beam has ended. Several
    groups make this diverse beam search (Vijayakumar et al. 2016, algorithm 1, Hamming diversity): the groups choose
    one after the other, each with a penalty on tokens that earlier groups chose at this step. The penalty affects the
    search only: it is no part of a log probability.
    """
    return _BeamSearch(network, images, max_tokens, params, constraint).run()


class _BeamSearch:
    """Beam search of one batch."""

    def __init__(
        self, network: Network, images: Tensor, max_tokens: int, params: SearchParams, constraint: Constraint | None
    ) -> None:
        self.params, self.max_tokens = params, max_tokens
        self.groups, self.width = params.num_beam_groups, params.beam // params.num_beam_groups
        self.state = DecoderState(network, images, max_tokens, constraint)
        batch_size, device = len(images), images.device
        self.rows = torch.arange(batch_size, device=device)
        self.totals = torch.full((batch_size, self.groups, self.width), -torch.inf, device=device)
        self.totals[:, :, 0] = 0
        self.tokens = torch.full((batch_size, params.beam, 0), Vocabulary.eos, device=device)
        self.finished = _FinishedHypotheses(batch_size, self.groups, self.width, max_tokens + 1, device)

    def run(self) -> list[list[Hypothesis]]:
        """Run steps until all images are done or the length limit is reached."""
        last = torch.full_like(self.rows, Vocabulary.bos)
        for position in range(self.max_tokens + 1):
            scores = self.state.log_probabilities(last)
            if position == 0:  # all beams of an image start alike
                scores = scores.repeat_interleave(self.params.beam, dim=0)
                self.state.select(torch.arange(len(self.rows), device=last.device).repeat_interleave(self.params.beam))
            scores = scores.view(len(self.rows), self.groups, self.width, -1)
            if position == self.max_tokens:
                self._record_unfinished(scores[..., Vocabulary.eos])
            parents, chosen = self._choose(scores)
            last = self._extend(parents, chosen)
            if not len(self.rows):
                break
        return self.finished.hypotheses(lambda one: length_normalized(self.params, one))

    def _choose(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        """From scores (R, G, W, V) the beams to continue, (R, G W): index of each one's parent, and its token."""
        images, _, width, vocabulary = scores.shape
        joint = (scores + self.totals[..., None]).flatten(2)
        chosen_before = scores.new_zeros(images, vocabulary)
        parents, tokens, totals = [], [], []
        for group in range(self.groups):
            preferred = joint[:, group]
            if group:
                preferred = preferred - self.params.diversity_penalty * chosen_before.repeat(1, width)
            best = preferred.topk(2 * width, dim=1).indices
            total = joint[:, group].gather(1, best)
            parent, token = best // vocabulary, best % vocabulary
            ends = token == Vocabulary.eos
            first = slice(None), slice(width)
            sequences = self._extended(group * width + parent[first], token[first])
            self.finished.record(self.rows, group, ends[first], sequences, total[first])
            kept = ends.to(torch.uint8).argsort(dim=1, stable=True)[:, :width]
            parents.append(group * width + parent.gather(1, kept))
            tokens.append(token.gather(1, kept))
            totals.append(total.gather(1, kept).masked_fill(ends.gather(1, kept), -torch.inf))
            chosen_before.scatter_add_(1, tokens[-1], totals[-1].isfinite().to(chosen_before.dtype))
        self.totals = torch.stack(totals, dim=1)
        return torch.cat(parents, dim=1), torch.cat(tokens, dim=1)

    def _extended(self, parents: Tensor, chosen: Tensor) -> Tensor:
        """The prefixes (R, N, T) of `parents` (R, N), each with one more token."""
        prefixes = self.tokens.gather(1, parents[..., None].expand(-1, -1, self.tokens.shape[2]))
        return torch.cat([prefixes, chosen[..., None]], dim=2)

    def _extend(self, parents: Tensor, chosen: Tensor) -> Tensor:
        """Replace every beam by its continuation and drop the images that are done; returns the last tokens."""
        self.tokens = self._extended(parents, chosen)
        first = torch.arange(len(self.rows), device=parents.device)[:, None] * self.params.beam
        moves = first + parents
        self.totals.masked_fill_(self.finished.is_done(self.rows)[..., None], -torch.inf)
        active = self.totals.isfinite().flatten(1).any(dim=1)
        if active.all():
            self.state.reorder(moves.flatten())
        else:
            self.state.select(moves[active].flatten())
            self.rows, self.totals, self.tokens = self.rows[active], self.totals[active], self.tokens[active]
        return self.tokens[..., -1].flatten()

    def _record_unfinished(self, end_scores: Tensor) -> None:
        """Record the beams of the images that are left; `end_scores` (R, G, W) are those of the end token."""
        alive = self.totals.isfinite().flatten(1)
        self.finished.record_unfinished(self.rows, self.tokens, (self.totals + end_scores).flatten(1), alive)


class _FinishedHypotheses:
    """The formulas found so far, of each image and group; a group never has more than 2 W - 1 of them."""

    def __init__(self, images: int, groups: int, width: int, length: int, device: torch.device) -> None:
        self.width = width
        self.count = torch.zeros((images, groups), dtype=torch.long, device=device)
        self.totals = torch.full((images, groups, 2 * width), -torch.inf, device=device)
        self.tokens = torch.full((images, groups, 2 * width, length), Vocabulary.eos, device=device)
        self.unfinished: dict[int, list[Hypothesis]] = {}

    def record(self, rows: Tensor, group: int, ends: Tensor, tokens: Tensor, totals: Tensor) -> None:
        """Record those of a group's candidates (R, W) that end and are possible."""
        ends = ends & totals.isfinite()
        row, rank = ends.nonzero(as_tuple=True)
        slot = (self.count[rows, group][:, None] + ends.cumsum(dim=1) - 1)[row, rank]
        self.totals[rows[row], group, slot] = totals[row, rank]
        self.tokens[rows[row], group, slot, : tokens.shape[2]] = tokens[row, rank]
        self.count[rows, group] += ends.sum(dim=1)

    def is_done(self, rows: Tensor) -> Tensor:
        """Mask (R, G) of the groups that have found enough formulas."""
        return self.count[rows] >= self.width

    def record_unfinished(self, rows: Tensor, tokens: Tensor, totals: Tensor, alive: Tensor) -> None:
        """Record beams (R, G W) of the greatest length; used only for images without a finished formula."""
        for row, *columns in zip(rows.tolist(), tokens.tolist(), totals.tolist(), alive.tolist(), strict=True):
            self.unfinished[row] = [
                Hypothesis(sequence, value, False)
                for sequence, value, is_alive in zip(*columns, strict=True)
                if is_alive
            ]

    def hypotheses(self, score: Callable[[Hypothesis], float]) -> list[list[Hypothesis]]:
        """The different hypotheses of each image, best first; none where the scores were NaN."""
        found = []
        tokens, totals = self.tokens.flatten(1, 2).tolist(), self.totals.flatten(1).tolist()
        for image, (sequences, values) in enumerate(zip(tokens, totals, strict=True)):
            finished = [
                Hypothesis(sequence[: sequence.index(Vocabulary.eos)], value, True)
                for sequence, value in zip(sequences, values, strict=True)
                if value > -torch.inf
            ]
            different: dict[tuple[int, ...], Hypothesis] = {}
            for one in sorted(finished or self.unfinished.get(image, []), key=score, reverse=True):
                different.setdefault(tuple(one.tokens), one)
            found.append(list(different.values()))
        return found
