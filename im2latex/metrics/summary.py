"""Summarize scored rows (`schemas.SCORES`) as the published numbers.

`summarize_splits` returns

    {tokenizer, bleu, edit, ..., n, intervals: {NAME: [low, high]}, failures, reference_failures, errors}

of the chosen split, where `errors` are kinds of predictions and the most confused tokens (`metrics.breakdown`), and
nested, each with its own scores, n and intervals:

    by_length.<class>   its samples by tokens of the reference
    by_feature.<name>   its samples by what is in the reference; a sample may have several features
    by_group.<group>    its samples by group, the largest groups, where samples have any
    splits.<split>      every split, the chosen one included
    blank               the same model with a blank image as input
    search_alone        the best hypotheses of the search, where hypotheses were reranked by their images
    baselines.<name>    predictions without a model

`tokenizer` names how the formulas were split into the tokens of the text metrics. The pipeline's formulas are
normalized, so that `whitespace` separates their tokens and the text metrics have the published definitions.

Values are fractions in 0..1, rounded so that the last bits of a CPU do not show.
"""

import itertools
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field, field_validator

from im2latex.config import Params
from im2latex.errors import InputError
from im2latex.io.parquet import column_values
from im2latex.metrics.baselines import BASELINES, BLANK, IMAGE, SEARCH_ALONE
from im2latex.metrics.bootstrap import Columns, bootstrap_intervals, sum_columns
from im2latex.metrics.breakdown import (
    ERROR_KINDS,
    FEATURES,
    class_costs,
    confusions,
    error_kind,
    features,
    length_classes,
)
from im2latex.metrics.registry import METRICS
from im2latex.metrics.score_predictions import metric_columns, string_pairs
from im2latex.types import Tokenizer

DECIMALS = 6

RowMask = NDArray[np.bool_]


class EvaluateParams(Params):
    """Parameters of the summary of scores: section `evaluate` of params.yaml."""

    split: str = Field(default="test", description="split whose scores are published in reports/metrics.json")
    resamples: int = Field(default=1000, ge=1, description="bootstrap resamples for an interval")
    seed: int = Field(default=0, ge=0, description="seed of the bootstrap")
    length_edges: tuple[int, ...] = Field(
        default=(20, 40, 60, 80, 100, 150),
        description="largest length, in reference tokens, of each class; one more class has all longer labels",
    )
    top_k: int = Field(default=20, ge=1, description="entries of each list of confused tokens and of groups")

    @field_validator("length_edges")
    @classmethod
    def _increasing(cls, edges: tuple[int, ...]) -> tuple[int, ...]:
        if not edges or edges[0] < 0 or any(low >= high for low, high in pairwise(edges)):
            raise ValueError("must be increasing lengths, at least one")
        return edges


def summarize_splits(
    scores: pa.Table,
    params: EvaluateParams,
    groups: Mapping[str, str] | None = None,
    tokenizer: Tokenizer = "whitespace",
) -> dict[str, Any]:
    """Summarize all splits and baselines; `groups` maps a formula_id to its group.

    Raises `InputError` where no row belongs to the chosen split.
    """
    rows = _ScoredRows(scores, params, groups or {}, tokenizer)
    splits = {split: rows.block(rows.mask(IMAGE, split)) for split in rows.splits}
    if params.split not in splits:
        present = ", ".join(splits) or "none"
        raise InputError(f"no prediction belongs to the split '{params.split}'; splits with predictions: {present}")
    summary = rows.summary(rows.mask(IMAGE, params.split)) | {"splits": splits}
    masks = {name: rows.mask(name, params.split) for name in (BLANK, SEARCH_ALONE, *BASELINES)}
    blocks = {name: rows.block(mask) for name, mask in masks.items() if mask.any()}
    for name in (BLANK, SEARCH_ALONE):
        if name in blocks:
            summary[name] = blocks.pop(name)
    return summary | {"baselines": blocks}


def summarize(scores: pa.Table, params: EvaluateParams, tokenizer: Tokenizer = "whitespace") -> dict[str, Any]:
    """Summarize all rows as one set, without splits and baselines; raises `InputError` where there is no row."""
    if not scores.num_rows:
        raise InputError("there is nothing to score: no pair of reference and prediction was given")
    return _ScoredRows(scores, params, {}, tokenizer).summary(np.ones(scores.num_rows, bool))


def split_metrics(summary: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Divide a summary into the content of reports/metrics.json and of reports/evaluation.json.

    The first has the metrics as plain numbers, `n` and `intervals`, which are lists and therefore no metrics to DVC;
    the second all breakdowns.
    """
    names = [*(name for name in METRICS if name in summary), "n", "intervals"]
    return {name: summary[name] for name in names}, {
        name: value for name, value in summary.items() if name not in names
    }


class _ScoredRows:
    """The table as columns of numbers, counted once and then cut by masks."""

    def __init__(
        self, scores: pa.Table, params: EvaluateParams, groups: Mapping[str, str], tokenizer: Tokenizer
    ) -> None:
        self._scores = scores
        self._params = params
        self._tokenizer = tokenizer
        self._columns, self._aggregates = metric_columns(scores, tokenizer)
        self._groups = _objects(groups.get(name) or "" for name in column_values(scores, "formula_id"))
        self._inputs = _objects(map(sys.intern, column_values(scores, "input")))
        self._splits = _objects(map(sys.intern, column_values(scores, "split")))

    @property
    def splits(self) -> list[str]:
        """Names of the splits that have predictions from images."""
        return sorted(set(self._splits[self._inputs == IMAGE]))

    def mask(self, kind: str, split: str) -> RowMask:
        """The rows of one kind of input and one split."""
        return np.asarray((self._inputs == kind) & (self._splits == split), bool)

    def block(self, mask: RowMask) -> dict[str, Any]:
        """Scores, n and intervals of some rows."""
        columns: Columns = {name: column[mask] for name, column in self._columns.items()}
        sums = sum_columns(columns)
        bounds = bootstrap_intervals(columns, self._aggregates, self._params.resamples, self._params.seed)
        return {name: round(float(value(sums)[0]), DECIMALS) for name, value in self._aggregates.items()} | {
            "n": int(mask.sum()),
            "intervals": {name: [round(low, DECIMALS), round(high, DECIMALS)] for name, (low, high) in bounds.items()},
        }

    def summary(self, mask: RowMask) -> dict[str, Any]:
        """The block of some rows with their failures and errors, and the blocks of subsets of these rows."""
        failures = {f"{name}s": self._reasons(name, mask) for name in ("failure", "reference_failure")}
        lengths = length_classes(self._columns["ref_tokens"], self._params.length_edges)
        subsets = {"by_length": lengths, "by_feature": self._features(mask), "by_group": self._largest_groups(mask)}
        blocks = {
            by: {name: self.block(chosen & mask) for name, chosen in masks.items() if (chosen & mask).any()}
            for by, masks in subsets.items()
        }
        if not blocks["by_group"]:
            del blocks["by_group"]
        return {"tokenizer": self._tokenizer} | self.block(mask) | failures | {"errors": self._errors(mask)} | blocks

    def _errors(self, mask: RowMask) -> dict[str, Any]:
        """The number of predictions of each kind, the cost of each class of error, and the confused tokens."""
        same = self._columns.get("image_exact", np.zeros(len(mask)))[mask] == 1
        broken = self._columns.get("compiles", np.ones(len(mask)))[mask] == 0
        kinds = Counter(
            error_kind(*pair, bool(is_same), bool(is_broken))
            for pair, is_same, is_broken in zip(self._pairs(mask), same, broken, strict=True)
        )
        counts = {name: kinds[name] for name in ERROR_KINDS if kinds[name]}
        return {"kinds": counts, "classes": class_costs(self._pairs(mask), same)} | confusions(
            self._pairs(mask), self._params.top_k
        )

    def _pairs(self, mask: RowMask) -> Iterator[tuple[str, str]]:
        return itertools.compress(string_pairs(self._scores), mask)

    def _reasons(self, name: str, mask: RowMask) -> dict[str, int]:
        """The number of rows with each reason, the most frequent first."""
        counts = Counter(
            reason for reason in itertools.compress(column_values(self._scores, name), mask) if reason is not None
        )
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def _features(self, mask: RowMask) -> dict[str, RowMask]:
        found = {name: np.zeros(len(mask), bool) for name in FEATURES}
        for row, (reference, _) in zip(np.flatnonzero(mask), self._pairs(mask), strict=True):
            for name in features(reference):
                found[name][row] = True
        return found

    def _largest_groups(self, mask: RowMask) -> dict[str, RowMask]:
        """The largest groups; those of equal size in order of name."""
        counts = Counter(self._groups[mask & (self._groups != "")])
        largest = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[: self._params.top_k]
        return {name: np.asarray(self._groups == name, bool) for name, _ in largest}


def _objects(values: Iterable[str]) -> NDArray[np.object_]:
    return np.fromiter(values, object)
