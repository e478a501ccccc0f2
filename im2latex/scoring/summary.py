"""Judged rows (records.SCORES) to the published numbers, the content of reports/metrics.json.

    {bleu, edit, ..., n, intervals: {NAME: [low, high]}, failures, reference_failures, by_length: {"0-20": {...}}}
        of the headline split, and nested, each with its own scores, n and intervals:
    splits.<split>      every split, the headline included
    blank               the same model shown empty paper
    search_alone        the search's own choices, where hypotheses were ranked anew by their pictures
    baselines.<name>    predictions that need no model

Fractions in 0..1, rounded so that the last bits of a processor do not show.
"""

from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field, field_validator

from im2latex.errors import InputError
from im2latex.params import Params
from im2latex.scoring.baselines import BASELINES, BLANK, PICTURE
from im2latex.scoring.image import IMAGE_SCORES
from im2latex.scoring.intervals import intervals
from im2latex.scoring.judge import IMAGE_COLUMNS
from im2latex.scoring.rerank import SEARCH_ALONE
from im2latex.scoring.sums import Column, Columns, Score, total
from im2latex.scoring.text import TEXT_SCORES, text_columns

DECIMALS = 6

Mask = NDArray[np.bool_]


class SummaryParams(Params):
    """How judged predictions become published numbers."""

    headline: str = Field(default="test", description="split whose scores stand at the top level")
    resamples: int = Field(default=1000, ge=1, description="bootstrap resamples behind an interval")
    seed: int = Field(default=0, ge=0, description="seed of the bootstrap")
    length_edges: tuple[int, ...] = Field(
        default=(20, 40, 60, 80, 100, 150),
        description="last length, in reference tokens, of each class but the open one",
    )

    @field_validator("length_edges")
    @classmethod
    def _rising(cls, edges: tuple[int, ...]) -> tuple[int, ...]:
        if not edges or edges[0] < 0 or any(low >= high for low, high in pairwise(edges)):
            raise ValueError("must be rising lengths, at least one")
        return edges


def summarize(scores: pa.Table, params: SummaryParams) -> dict[str, Any]:
    """Publish a whole table; raises `InputError` where the headline split has no row."""
    judged = _Judged(scores, params)
    splits = {split: judged.block(judged.of(PICTURE, split)) for split in judged.splits}
    if params.headline not in splits:
        present = ", ".join(splits) or "none"
        raise InputError(f"no prediction belongs to the split '{params.headline}'; splits with predictions: {present}")
    published = judged.describe(judged.of(PICTURE, params.headline)) | {"splits": splits}
    controls = {name: judged.of(name, params.headline) for name in (BLANK, SEARCH_ALONE, *BASELINES)}
    blocks = {name: judged.block(mask) for name, mask in controls.items() if mask.any()}
    for name in (BLANK, SEARCH_ALONE):
        if name in blocks:
            published[name] = blocks.pop(name)
    return published | {"baselines": blocks}


def describe(scores: pa.Table, params: SummaryParams) -> dict[str, Any]:
    """Publish the scores of all rows as one set, without splits and baselines; raises `InputError` for no rows."""
    if not scores.num_rows:
        raise InputError("there is nothing to score: no pair of reference and prediction was given")
    return _Judged(scores, params).describe(np.ones(scores.num_rows, bool))


class _Judged:
    """The table as columns of numbers, counted once and then cut by masks."""

    def __init__(self, scores: pa.Table, params: SummaryParams) -> None:
        references = scores["reference"].to_pylist()
        self._params = params
        self._columns: dict[str, Column] = text_columns(references, scores["hypothesis"].to_pylist())
        self._scores: Mapping[str, Score] = TEXT_SCORES
        if scores["compiles"].null_count == 0:
            self._scores = {**TEXT_SCORES, **IMAGE_SCORES}
            for name in IMAGE_COLUMNS:
                if not pa.types.is_string(scores[name].type):
                    self._columns[name] = scores[name].to_numpy().astype(np.float64)
        self._inputs = np.array(scores["input"].to_pylist(), dtype=object)
        self._splits = np.array(scores["split"].to_pylist(), dtype=object)
        self._failures = {
            "failures": scores["failure"].to_pylist(),
            "reference_failures": scores["reference_failure"].to_pylist(),
        }

    @property
    def splits(self) -> list[str]:
        """Names of the splits that hold predictions from pictures."""
        return sorted(set(self._splits[self._inputs == PICTURE]))

    def of(self, shown: str, split: str) -> Mask:
        """The rows of one input and split."""
        return np.asarray((self._inputs == shown) & (self._splits == split), bool)

    def block(self, mask: Mask) -> dict[str, Any]:
        """Scores, n and intervals of some rows."""
        columns: Columns = {name: column[mask] for name, column in self._columns.items()}
        sums = total(columns)
        bounds = intervals(columns, self._scores, self._params.resamples, self._params.seed)
        return {name: round(float(score(sums)[0]), DECIMALS) for name, score in self._scores.items()} | {
            "n": int(mask.sum()),
            "intervals": {name: [round(low, DECIMALS), round(high, DECIMALS)] for name, (low, high) in bounds.items()},
        }

    def describe(self, mask: Mask) -> dict[str, Any]:
        """The block of some rows with what failed and how scores depend on length."""
        failures = {name: _counts(reasons, mask) for name, reasons in self._failures.items()}
        return self.block(mask) | failures | {"by_length": self._by_length(mask)}

    def _by_length(self, mask: Mask) -> dict[str, dict[str, Any]]:
        edges = (-1, *self._params.length_edges)
        names = [f"{low + 1}-{high}" for low, high in pairwise(edges)] + [f"{edges[-1] + 1}+"]
        classes = np.searchsorted(self._params.length_edges, self._columns["ref_tokens"])
        masks = {name: mask & (classes == place) for place, name in enumerate(names)}
        return {name: self.block(chosen) for name, chosen in masks.items() if chosen.any()}


def _counts(reasons: list[str | None], mask: Mask) -> dict[str, int]:
    """How often each reason was given, the most frequent first."""
    counts = Counter(reason for reason, chosen in zip(reasons, mask, strict=True) if chosen and reason is not None)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
