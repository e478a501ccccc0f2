"""Beam search over a whole batch: the beams of all images are extended at the same step.

Shape letters: R images still in the search, G groups of beams, W beams in a group. A group keeps its W best prefixes.
Of their 2 W best continuations, those that end are finished formulas if they are among the first W, and a group is done
when it has W of them. An image leaves the batch when all its groups are done.
"""

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from im2latex.config import Params
from im2latex.dataset.vocabulary import Vocabulary
from im2latex.decoding.greedy import ENDED_SHARE, Constraint, DecoderState, Hypothesis, greedy
from im2latex.engines.base import Engine, LogProbabilities, Tokens
from im2latex.errors import ArtifactError

Totals = NDArray[np.float32]
Mask = NDArray[np.bool_]


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
    engine: Engine,
    images: NDArray[np.uint8],
    max_tokens: int,
    params: SearchParams,
    constraint: Constraint | None = None,
) -> list[list[Hypothesis]]:
    """Hypotheses for each image (B, H, W), best first, by greedy or beam search.

    Raises `ArtifactError` where the network's scores are NaN, which finite weights can cause.
    """
    if params.beam == 1:
        found = [[one] for one in greedy(engine, images, max_tokens, constraint)]
    else:
        found = beam(engine, images, max_tokens, params, constraint)
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


def beam(
    engine: Engine,
    images: NDArray[np.uint8],
    max_tokens: int,
    params: SearchParams,
    constraint: Constraint | None = None,
) -> list[list[Hypothesis]]:
    """For each image (B, H, W) different formulas of at most `max_tokens` tokens, best first, at least one.

    They are finished formulas, about as many as there are beams, or unfinished ones where no beam has ended. Several
    groups make this diverse beam search (Vijayakumar et al. 2016, algorithm 1, Hamming diversity): the groups choose
    one after the other, each with a penalty on tokens that earlier groups chose at this step. The penalty affects the
    search only: it is no part of a log probability.
    """
    return _BeamSearch(engine, images, max_tokens, params, constraint).run()


class _BeamSearch:
    """Beam search of one batch."""

    def __init__(
        self,
        engine: Engine,
        images: NDArray[np.uint8],
        max_tokens: int,
        params: SearchParams,
        constraint: Constraint | None,
    ) -> None:
        self.params, self.max_tokens = params, max_tokens
        self.groups, self.width = params.num_beam_groups, params.beam // params.num_beam_groups
        batch_size = len(images)
        self.state = DecoderState(engine, engine.encode(images), batch_size, max_tokens, constraint)
        self.rows = np.arange(batch_size)
        self.totals = np.full((batch_size, self.groups, self.width), -np.inf, np.float32)
        self.totals[:, :, 0] = 0
        self.tokens = np.empty((batch_size, params.beam, 0), np.int64)
        self.finished = _FinishedHypotheses(batch_size, self.groups, self.width, max_tokens + 1)

    def run(self) -> list[list[Hypothesis]]:
        """Run steps until all images are done or the length limit is reached."""
        last = np.full(len(self.rows), Vocabulary.bos)
        for position in range(self.max_tokens + 1):
            scores = self.state.log_probabilities(last)
            if position == 0:  # all beams of an image start alike
                scores = scores.repeat(self.params.beam, axis=0)
                self.state.select(np.arange(len(self.rows)).repeat(self.params.beam))
            scores = scores.reshape(len(self.rows), self.groups, self.width, -1)
            if position == self.max_tokens:
                self._record_unfinished(scores[..., Vocabulary.eos])
            parents, chosen = self._choose(scores)
            last = self._extend(parents, chosen)
            if not len(self.rows):
                break
        return self.finished.hypotheses(lambda one: length_normalized(self.params, one))

    def _choose(self, scores: LogProbabilities) -> tuple[Tokens, Tokens]:
        """From scores (R, G, W, V) the beams to continue, (R, G W): index of each one's parent, and its token."""
        images, groups, width, vocabulary = scores.shape
        joint = (scores + self.totals[..., None]).reshape(images, groups, -1)
        chosen_before = np.zeros((images, vocabulary), np.float32)
        image = np.arange(images)[:, None]
        parents, tokens, totals = [], [], []
        for group in range(groups):
            preferred = joint[:, group]
            if group:
                preferred = preferred - np.float32(self.params.diversity_penalty) * np.tile(chosen_before, (1, width))
            best = _largest(preferred, 2 * width)
            total = joint[image, group, best]
            parent, token = best // vocabulary, best % vocabulary
            ends = token == Vocabulary.eos
            sequences = self._extended(group * width + parent[:, :width], token[:, :width])
            self.finished.record(self.rows, group, ends[:, :width], sequences, total[:, :width])
            kept = ends.argsort(axis=1, kind="stable")[:, :width]
            parents.append(group * width + parent[image, kept])
            tokens.append(token[image, kept])
            totals.append(np.where(ends[image, kept], np.float32(-np.inf), total[image, kept]))
            np.add.at(chosen_before, (image, tokens[-1]), np.isfinite(totals[-1]))
        self.totals = np.stack(totals, axis=1)
        return np.concatenate(parents, axis=1), np.concatenate(tokens, axis=1)

    def _extended(self, parents: Tokens, chosen: Tokens) -> Tokens:
        """The prefixes (R, N, T) of `parents` (R, N), each with one more token."""
        prefixes = self.tokens[np.arange(len(parents))[:, None], parents]
        return np.concatenate([prefixes, chosen[..., None]], axis=2)

    def _extend(self, parents: Tokens, chosen: Tokens) -> Tokens:
        """Replace every beam by its continuation and drop images that are done; returns the last tokens."""
        self.tokens = self._extended(parents, chosen)
        moves = np.arange(len(self.rows))[:, None] * self.params.beam + parents
        self.totals[self.finished.is_done(self.rows)] = -np.inf
        active = np.isfinite(self.totals).any(axis=(1, 2))
        if not active.any() or active.mean() < 1 - ENDED_SHARE:
            moves = moves[active]
            self.rows, self.totals, self.tokens = self.rows[active], self.totals[active], self.tokens[active]
        if len(moves):
            self.state.select(moves.ravel())
        return self.tokens[..., -1].ravel()

    def _record_unfinished(self, end_scores: Totals) -> None:
        """Record the beams of the images that are left; `end_scores` (R, G, W) are those of the end token."""
        alive = np.isfinite(self.totals)
        count = len(self.rows)
        self.finished.record_unfinished(
            self.rows, self.tokens, (self.totals + end_scores).reshape(count, -1), alive.reshape(count, -1)
        )


def _largest(values: Totals, count: int) -> Tokens:
    """Indices (R, count) of the largest values (R, N), largest first; of equal values the first."""
    found = np.argpartition(-values, min(count, values.shape[1] - 1), axis=1)[:, :count]
    found.sort(axis=1)
    order = np.argsort(-np.take_along_axis(values, found, axis=1), axis=1, kind="stable")
    return np.take_along_axis(found, order, axis=1)


class _FinishedHypotheses:
    """The formulas found so far, of each image and group; a group never has more than 2 W - 1 of them."""

    def __init__(self, images: int, groups: int, width: int, length: int) -> None:
        self.width = width
        self.count = np.zeros((images, groups), np.int64)
        self.totals = np.full((images, groups, 2 * width), -np.inf, np.float32)
        self.tokens = np.full((images, groups, 2 * width, length), Vocabulary.eos)
        self.unfinished: dict[int, list[Hypothesis]] = {}

    def record(self, rows: Tokens, group: int, ends: Mask, tokens: Tokens, totals: Totals) -> None:
        """Record those of a group's candidates (R, W) that end and are possible."""
        ends = ends & np.isfinite(totals)
        row, rank = ends.nonzero()
        slot = (self.count[rows, group][:, None] + ends.cumsum(axis=1) - 1)[row, rank]
        self.totals[rows[row], group, slot] = totals[row, rank]
        self.tokens[rows[row], group, slot, : tokens.shape[2]] = tokens[row, rank]
        self.count[rows, group] += ends.sum(axis=1)

    def is_done(self, rows: Tokens) -> Mask:
        """Mask (R, G) of the groups that have found enough formulas."""
        return np.asarray(self.count[rows] >= self.width)

    def record_unfinished(self, rows: Tokens, tokens: Tokens, totals: Totals, alive: Mask) -> None:
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
        images = len(self.totals)
        tokens, totals = self.tokens.reshape(images, -1, self.tokens.shape[-1]), self.totals.reshape(images, -1)
        for image, (sequences, values) in enumerate(zip(tokens.tolist(), totals.tolist(), strict=True)):
            finished = [
                Hypothesis(sequence[: sequence.index(Vocabulary.eos)], value, True)
                for sequence, value in zip(sequences, values, strict=True)
                if value > -math.inf
            ]
            different: dict[tuple[int, ...], Hypothesis] = {}
            for one in sorted(finished or self.unfinished.get(image, []), key=score, reverse=True):
                different.setdefault(tuple(one.tokens), one)
            found.append(list(different.values()))
        return found
