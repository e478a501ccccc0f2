"""Beam search over a whole batch: the beams of all its images take each step together.

Shape letters: R images still searched, G groups of beams, W beams in a group, L most tokens. A group keeps its W best
beginnings; of its 2 W best continuations those that end are finished formulas where they are among the first W, and
it is done when it has W of them. An image leaves the batch with its last group.
"""

from collections.abc import Callable
from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor

from im2latex.config import Params
from im2latex.dataset.vocabulary import Vocabulary
from im2latex.decoding.greedy import Constraint, Hypothesis, Walk
from im2latex.models.model import Network


class SearchParams(Params):
    """How far a search looks around."""

    beam: int = Field(default=1, ge=1, description="hypotheses kept at each step; 1 is greedy search")
    length_penalty: Literal["mean", "wu"] = Field(
        default="mean", description="what a log probability is divided by: the tokens; or Wu et al. 2016, section 7"
    )
    alpha: float = Field(default=1.0, ge=0, description="power of that divisor; 0 is the plain log probability")
    groups: int = Field(default=1, ge=1, description="groups that the beam is divided into, made to differ")
    diversity: float = Field(default=0.5, ge=0, description="cost, in nats, of a token that an earlier group took")

    @model_validator(mode="after")
    def _groups_are_equal(self) -> "SearchParams":
        if self.beam % self.groups:
            raise ValueError(f"groups = {self.groups} does not divide beam = {self.beam}")
        return self


def penalized(params: SearchParams, hypothesis: Hypothesis) -> float:
    """The score that hypotheses are ranked by; the end mark counts as a token.

    `mean` and `alpha` 1 give the mean log probability of a token. `wu` is equation 14 of Wu et al. 2016 ("Google's
    Neural Machine Translation System") without its coverage penalty: the divisor is ((5 + length) / 6) ** alpha.
    """
    length = len(hypothesis.tokens) + 1
    divisor = length if params.length_penalty == "mean" else (5 + length) / 6
    return float(hypothesis.log_probability / divisor**params.alpha)


@torch.inference_mode()
def beam(
    network: Network, images: Tensor, max_tokens: int, params: SearchParams, constraint: Constraint | None = None
) -> list[list[Hypothesis]]:
    """For each image (B, 1, H, W) different formulas of at most `max_tokens` tokens, the best first, at least one.

    They are finished ones, about as many as there are beams; only where no beam came to an end are they cut ones.
    With several groups this is diverse beam search (Vijayakumar et al. 2016, algorithm 1, Hamming diversity): the
    groups choose one after the other, each avoiding the tokens that the earlier ones took at this step. The costs
    steer the search alone: they are no part of a log probability.
    """
    return _Search(network, images, max_tokens, params, constraint).run()


class _Search:
    """One batch on its way."""

    def __init__(
        self, network: Network, images: Tensor, max_tokens: int, params: SearchParams, constraint: Constraint | None
    ) -> None:
        self.params, self.length = params, max_tokens
        self.groups, self.width = params.groups, params.beam // params.groups
        self.walk = Walk(network, images, max_tokens, constraint)
        batch_size, device = len(images), images.device
        self.rows = torch.arange(batch_size, device=device)
        self.totals = torch.full((batch_size, self.groups, self.width), -torch.inf, device=device)
        self.totals[:, :, 0] = 0
        self.tokens = torch.full((batch_size, params.beam, 0), Vocabulary.eos, device=device)
        self.ended = _Ended(batch_size, self.groups, self.width, max_tokens + 1, device)

    def run(self) -> list[list[Hypothesis]]:
        """Step until every image has left or the length is used up."""
        last = torch.full_like(self.rows, Vocabulary.bos)
        for place in range(self.length + 1):
            scores = self.walk.scores(last)
            if place == 0:  # all beams of an image begin alike
                scores = scores.repeat_interleave(self.params.beam, dim=0)
                self.walk.take(torch.arange(len(self.rows), device=last.device).repeat_interleave(self.params.beam))
            scores = scores.view(len(self.rows), self.groups, self.width, -1)
            if place == self.length:
                self._record_cut(scores[..., Vocabulary.eos])
            parents, chosen = self._choose(scores)
            last = self._go_on(parents, chosen)
            if not len(self.rows):
                break
        return self.ended.hypotheses(lambda one: penalized(self.params, one))

    def _choose(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Scores (R, G, W, V) to the beams that go on, (R, G W): the place of each one's parent, and its token."""
        images, _, width, vocabulary = scores.shape
        joint = (scores + self.totals[..., None]).flatten(2)
        taken = scores.new_zeros(images, vocabulary)
        parents, tokens, totals = [], [], []
        for group in range(self.groups):
            preferred = joint[:, group]
            if group:
                preferred = preferred - self.params.diversity * taken.repeat(1, width)
            places = preferred.topk(2 * width, dim=1).indices
            total = joint[:, group].gather(1, places)
            parent, token = places // vocabulary, places % vocabulary
            ends = token == Vocabulary.eos
            first = slice(None), slice(width)
            self.ended.record(
                self.rows, group, ends[first], self._followed(group * width + parent[first], token[first]), total[first]
            )
            best = ends.to(torch.uint8).argsort(dim=1, stable=True)[:, :width]
            parents.append(group * width + parent.gather(1, best))
            tokens.append(token.gather(1, best))
            totals.append(total.gather(1, best).masked_fill(ends.gather(1, best), -torch.inf))
            taken.scatter_add_(1, tokens[-1], totals[-1].isfinite().to(taken.dtype))
        self.totals = torch.stack(totals, dim=1)
        return torch.cat(parents, dim=1), torch.cat(tokens, dim=1)

    def _followed(self, parents: Tensor, chosen: Tensor) -> Tensor:
        """The beginnings (R, N, T) at `parents` (R, N), with one more token each."""
        before = self.tokens.gather(1, parents[..., None].expand(-1, -1, self.tokens.shape[2]))
        return torch.cat([before, chosen[..., None]], dim=2)

    def _go_on(self, parents: Tensor, chosen: Tensor) -> Tensor:
        """Move every beam to its parent's continuation and let finished images leave; the next tokens to feed."""
        self.tokens = self._followed(parents, chosen)
        first = torch.arange(len(self.rows), device=parents.device)[:, None] * self.params.beam
        moves = first + parents
        self.totals.masked_fill_(self.ended.done(self.rows)[..., None], -torch.inf)
        going = self.totals.isfinite().flatten(1).any(dim=1)
        if going.all():
            self.walk.rearrange(moves.flatten())
        else:
            self.walk.take(moves[going].flatten())
            self.rows, self.totals, self.tokens = self.rows[going], self.totals[going], self.tokens[going]
        return self.tokens[..., -1].flatten()

    def _record_cut(self, ends: Tensor) -> None:
        """Keep the beams of the images that are left, for those that end none; `ends` (R, G, W) scores that."""
        alive = self.totals.isfinite().flatten(1)
        self.ended.cut(self.rows, self.tokens, (self.totals + ends).flatten(1), alive)


class _Ended:
    """The formulas found so far, of each image and group; a group never has more than 2 W - 1 of them."""

    def __init__(self, images: int, groups: int, width: int, length: int, device: torch.device) -> None:
        self.width = width
        self.count = torch.zeros((images, groups), dtype=torch.long, device=device)
        self.totals = torch.full((images, groups, 2 * width), -torch.inf, device=device)
        self.tokens = torch.full((images, groups, 2 * width, length), Vocabulary.eos, device=device)
        self.unfinished: dict[int, list[Hypothesis]] = {}

    def record(self, rows: Tensor, group: int, ends: Tensor, tokens: Tensor, totals: Tensor) -> None:
        """Of a group's candidates (R, W) keep those that end and are possible."""
        ends = ends & totals.isfinite()
        row, rank = ends.nonzero(as_tuple=True)
        slot = (self.count[rows, group][:, None] + ends.cumsum(dim=1) - 1)[row, rank]
        self.totals[rows[row], group, slot] = totals[row, rank]
        self.tokens[rows[row], group, slot, : tokens.shape[2]] = tokens[row, rank]
        self.count[rows, group] += ends.sum(dim=1)

    def done(self, rows: Tensor) -> Tensor:
        """Which groups (R, G) have found enough."""
        return self.count[rows] >= self.width

    def cut(self, rows: Tensor, tokens: Tensor, totals: Tensor, alive: Tensor) -> None:
        """Keep beams (R, G W) of the greatest length; used only for images without a finished formula."""
        for row, *columns in zip(rows.tolist(), tokens.tolist(), totals.tolist(), alive.tolist(), strict=True):
            self.unfinished[row] = [
                Hypothesis(sequence, value, False) for sequence, value, on in zip(*columns, strict=True) if on
            ]

    def hypotheses(self, score: Callable[[Hypothesis], float]) -> list[list[Hypothesis]]:
        """Those of each image, the best first; two groups may have found the same one, which is kept once.

        There is none where the scores were not numbers.
        """
        found = []
        tokens, totals = self.tokens.flatten(1, 2).tolist(), self.totals.flatten(1).tolist()
        for image, (sequences, values) in enumerate(zip(tokens, totals, strict=True)):
            ended = [
                Hypothesis(sequence[: sequence.index(Vocabulary.eos)], value, True)
                for sequence, value in zip(sequences, values, strict=True)
                if value > -torch.inf
            ]
            different: dict[tuple[int, ...], Hypothesis] = {}
            for one in sorted(ended or self.unfinished.get(image, []), key=score, reverse=True):
                different.setdefault(tuple(one.tokens), one)
            found.append(list(different.values()))
        return found
