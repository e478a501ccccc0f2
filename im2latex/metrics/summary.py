"""Judged rows (records.SCORES) to the published numbers, the content of reports/metrics.json.

    {tokenizer, bleu, edit, ..., n, intervals: {NAME: [low, high]}, failures, reference_failures, errors}
        of the headline split, `errors` being kinds of predictions and the most confused tokens (scoring.confusion);
        and nested, each with its own scores, n and intervals:
    by_length.<class>   of its samples by tokens of the reference
    by_feature.<name>   of its samples by what is in the reference (scoring.features); a sample is in several
    by_group.<group>    of its samples by group, the largest groups, where samples have any
    splits.<split>      every split, the headline included
    blank               the same model shown empty paper
    search_alone        the search's own choices, where hypotheses were ranked anew by their images
    baselines.<name>    predictions that need no model

`tokenizer` says what cut the formulas into the tokens of the text scores. The pipeline's are normalized, so that
`whitespace` separates them and the text scores are the published definitions.

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

from im2latex.config import Params
from im2latex.errors import InputError
from im2latex.metrics.baselines import BASELINES, BLANK, IMAGE, SEARCH_ALONE
from im2latex.metrics.bootstrap import intervals
from im2latex.metrics.columns import judged_columns
from im2latex.metrics.confusion import KINDS, confusions, kind
from im2latex.metrics.features import FEATURES, features
from im2latex.metrics.ratios import Columns, total
from im2latex.metrics.tokenizer import Tokenizer

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

    listed: int = Field(default=20, ge=1, description="most confused tokens of each kind, and groups, that are listed")

    @field_validator("length_edges")
    @classmethod
    def _rising(cls, edges: tuple[int, ...]) -> tuple[int, ...]:
        if not edges or edges[0] < 0 or any(low >= high for low, high in pairwise(edges)):
            raise ValueError("must be rising lengths, at least one")
        return edges


def summarize(
    scores: pa.Table,
    params: SummaryParams,
    groups: Mapping[str, str] | None = None,
    tokenizer: Tokenizer = "whitespace",
) -> dict[str, Any]:
    """Publish a whole table; `groups` names the group of a formula_id. Raises `InputError` without a headline row."""
    judged = _Judged(scores, params, groups or {}, tokenizer)
    splits = {split: judged.block(judged.of(IMAGE, split)) for split in judged.splits}
    if params.headline not in splits:
        present = ", ".join(splits) or "none"
        raise InputError(f"no prediction belongs to the split '{params.headline}'; splits with predictions: {present}")
    published = judged.describe(judged.of(IMAGE, params.headline)) | {"splits": splits}
    controls = {name: judged.of(name, params.headline) for name in (BLANK, SEARCH_ALONE, *BASELINES)}
    blocks = {name: judged.block(mask) for name, mask in controls.items() if mask.any()}
    for name in (BLANK, SEARCH_ALONE):
        if name in blocks:
            published[name] = blocks.pop(name)
    return published | {"baselines": blocks}


def describe(scores: pa.Table, params: SummaryParams, tokenizer: Tokenizer = "whitespace") -> dict[str, Any]:
    """Publish the scores of all rows as one set, without splits and baselines; raises `InputError` for no rows."""
    if not scores.num_rows:
        raise InputError("there is nothing to score: no pair of reference and prediction was given")
    return _Judged(scores, params, {}, tokenizer).describe(np.ones(scores.num_rows, bool))


class _Judged:
    """The table as columns of numbers, counted once and then cut by masks."""

    def __init__(
        self, scores: pa.Table, params: SummaryParams, groups: Mapping[str, str], tokenizer: Tokenizer
    ) -> None:
        self._references: list[str] = scores["reference"].to_pylist()
        self._hypotheses: list[str] = scores["hypothesis"].to_pylist()
        self._params = params
        self._tokenizer = tokenizer
        self._columns, self._scores = judged_columns(scores, tokenizer)
        self._groups = np.array([groups.get(name) or "" for name in scores["formula_id"].to_pylist()], dtype=object)
        self._inputs = np.array(scores["input"].to_pylist(), dtype=object)
        self._splits = np.array(scores["split"].to_pylist(), dtype=object)
        self._failures = {
            "failures": scores["failure"].to_pylist(),
            "reference_failures": scores["reference_failure"].to_pylist(),
        }

    @property
    def splits(self) -> list[str]:
        """Names of the splits that hold predictions from images."""
        return sorted(set(self._splits[self._inputs == IMAGE]))

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
        """The block of some rows, with what failed and what was confused, and the blocks of parts of these rows."""
        failures = {name: _counts(reasons, mask) for name, reasons in self._failures.items()}
        parts = {"by_length": self._lengths(), "by_feature": self._features(mask), "by_group": self._groups_of(mask)}
        blocks = {
            by: {name: self.block(chosen & mask) for name, chosen in masks.items() if (chosen & mask).any()}
            for by, masks in parts.items()
        }
        if not blocks["by_group"]:
            del blocks["by_group"]
        return {"tokenizer": self._tokenizer} | self.block(mask) | failures | {"errors": self._errors(mask)} | blocks

    def _errors(self, mask: Mask) -> dict[str, Any]:
        """How many predictions are of which kind, and which tokens are confused."""
        rows = [int(row) for row in np.flatnonzero(mask)]
        pairs = [(self._references[row], self._hypotheses[row]) for row in rows]
        same = self._columns.get("image_exact", np.zeros(len(mask)))
        renders = self._columns.get("compiles", np.ones(len(mask)))
        kinds = Counter(kind(*pair, same[row] == 1, renders[row] == 0) for pair, row in zip(pairs, rows, strict=True))
        counts = {name: kinds[name] for name in KINDS if kinds[name]}
        return {"kinds": counts} | confusions(pairs, self._params.listed)

    def _lengths(self) -> dict[str, Mask]:
        edges = (-1, *self._params.length_edges)
        names = [f"{low + 1}-{high}" for low, high in pairwise(edges)] + [f"{edges[-1] + 1}+"]
        classes = np.searchsorted(self._params.length_edges, self._columns["ref_tokens"])
        return {name: classes == place for place, name in enumerate(names)}

    def _features(self, mask: Mask) -> dict[str, Mask]:
        found = [features(text) if chosen else () for text, chosen in zip(self._references, mask, strict=True)]
        return {name: np.array([name in row for row in found], bool) for name in FEATURES}

    def _groups_of(self, mask: Mask) -> dict[str, Mask]:
        """The largest groups, those of equal size in order of name."""
        counts = Counter(self._groups[mask & (self._groups != "")])
        largest = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[: self._params.listed]
        return {name: np.asarray(self._groups == name, bool) for name, _ in largest}


def _counts(reasons: list[str | None], mask: Mask) -> dict[str, int]:
    """How often each reason was given, the most frequent first."""
    counts = Counter(reason for reason, chosen in zip(reasons, mask, strict=True) if chosen and reason is not None)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
