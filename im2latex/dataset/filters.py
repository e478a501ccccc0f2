"""Filters of labelled images. A new filter is one entry of `FILTERS`: a reason and a predicate.

Works on the columns of `SAMPLE_COLUMNS`; pixels are not read.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import pandas as pd
from pydantic import Field, field_validator

from im2latex.config import Params
from im2latex.dataset.filter_expression import evaluate_expression, validate_expression

Mask = pd.Series

SAMPLE_COLUMNS = ("formula_id", "split", "latex", "length", "unknown", "width", "height", "pixel_hash")
"""Columns that the filters read: label length and unknown tokens in ids, image size in pixels."""


class FilterParams(Params):
    """Limits on a sample, and the policies for leakage and duplicates."""

    min_tokens: int = Field(default=1, ge=1, description="shortest label, in ids")
    max_tokens: int = Field(default=150, ge=1, description="longest label, in ids")
    max_width_px: int = Field(default=800, ge=1, description="widest image")
    max_height_px: int = Field(default=320, ge=1, description="tallest image")
    max_aspect: float = Field(default=60, gt=0, description="largest width / height")
    unknown_tokens: Literal["drop", "keep"] = Field(
        default="drop", description="samples whose label holds `<unk>`, a token outside the vocabulary"
    )
    leakage: Literal["drop_held_out", "drop_training", "keep"] = Field(
        default="drop_held_out", description="which side loses an image or text that is in several splits"
    )
    duplicates: Literal["drop", "keep"] = Field(
        default="drop", description="samples whose image and label are already in the same split"
    )
    expression: str | None = Field(
        default=None, description="condition that samples must meet, over the columns of `filter_expression`; or null"
    )

    @field_validator("expression")
    @classmethod
    def _valid_expression(cls, expression: str | None) -> str | None:
        return expression if expression is None else validate_expression(expression)


@dataclass(frozen=True)
class Filter:
    """The reason in the ledger, and the predicate that selects the samples to drop."""

    reason: str
    drops: Callable[[pd.DataFrame, FilterParams], Mask]


def apply_filters(samples: pd.DataFrame, params: FilterParams) -> pd.Series:
    """Return the reason to drop each sample, or the empty string.

    `samples` has `SAMPLE_COLUMNS`. Filters run in the order of `FILTERS`, each on the samples that the earlier ones
    keep; so the first filter that applies gives the reason, and dropped samples cause no leakage and no duplicates.
    """
    reasons = pd.Series("", index=samples.index, dtype=object)
    for entry in FILTERS:
        remaining = samples[reasons == ""]
        dropped = entry.drops(remaining, params)
        reasons[remaining.index[dropped]] = entry.reason
    return reasons


def _fails_expression(samples: pd.DataFrame, params: FilterParams) -> Mask:
    if params.expression is None or samples.empty:
        return pd.Series(False, index=samples.index)
    return ~evaluate_expression(samples, params.expression)


def find_leakage(samples: pd.DataFrame, policy: str) -> Mask:
    """Select samples whose image or normalized text is in several splits, on the side that the policy drops.

    Between the two held-out splits, test keeps the sample, since test scores are published.
    """
    leaked = pd.Series(False, index=samples.index)
    if policy == "keep":
        return leaked
    order = {"drop_held_out": {"train": 2, "test": 1, "val": 0}, "drop_training": {"test": 2, "val": 1, "train": 0}}
    rank = samples["split"].map(order[policy])
    for key in ("pixel_hash", "latex"):
        best = rank.groupby(samples[key]).transform("max")
        leaked |= rank < best
    return leaked


FILTERS = (
    Filter("too_short", lambda samples, params: samples.length < params.min_tokens),
    Filter("too_long", lambda samples, params: samples.length > params.max_tokens),
    Filter("too_wide", lambda samples, params: samples.width > params.max_width_px),
    Filter("too_tall", lambda samples, params: samples.height > params.max_height_px),
    Filter("aspect", lambda samples, params: samples.width / samples.height > params.max_aspect),
    Filter("unknown_token", lambda samples, params: (samples.unknown > 0) & (params.unknown_tokens == "drop")),
    Filter("expression", _fails_expression),
    Filter("leakage", lambda samples, params: find_leakage(samples, params.leakage)),
    Filter(
        "duplicate",
        lambda samples, params: samples.duplicated(["split", "pixel_hash", "latex"]) & (params.duplicates == "drop"),
    ),
)
"""All filters, in the order in which they run."""
