"""Keep or drop a labelled image, always with a reason. Works on columns without pixels."""

from collections.abc import Callable
from typing import Literal

import pandas as pd
from pydantic import Field, field_validator

from im2latex.config import Params
from im2latex.dataset import filter_expression

Mask = pd.Series


class FilterParams(Params):
    """Limits on a sample, and what becomes of one whose image or text stands in two splits."""

    min_tokens: int = Field(ge=1, description="shortest label, in ids")
    max_tokens: int = Field(ge=1, description="longest label, in ids")
    max_width_px: int = Field(ge=1, description="widest image")
    max_height_px: int = Field(ge=1, description="tallest image")
    max_aspect: float = Field(gt=0, description="largest width / height")
    unknown_tokens: Literal["drop", "keep"] = Field(description="samples whose label holds `<unk>`")
    leakage: Literal["drop_held_out", "drop_training", "keep"] = Field(
        description="the side that loses an image or text that stands in the training split and in a held-out one"
    )
    duplicates: Literal["drop", "keep"] = Field(description="an image with the same label once more in its split")
    expression: str | None = Field(
        description="a rule that samples must meet, over the columns of `expression`; or null"
    )

    @field_validator("expression")
    @classmethod
    def _readable(cls, rule: str | None) -> str | None:
        return rule if rule is None else filter_expression.check(rule)


def judge(samples: pd.DataFrame, params: FilterParams) -> pd.Series:
    """The reason to drop each sample, or the empty string.

    `samples` has formula_id, split, latex, length, unknown, width, height, pixel_hash. The first rule that applies
    names the reason; leakage and duplicates are judged among what the earlier rules let through.
    """
    rules: list[tuple[str, Callable[[pd.DataFrame], Mask]]] = [
        ("too_short", lambda s: s.length < params.min_tokens),
        ("too_long", lambda s: s.length > params.max_tokens),
        ("too_wide", lambda s: s.width > params.max_width_px),
        ("too_tall", lambda s: s.height > params.max_height_px),
        ("aspect", lambda s: s.width / s.height > params.max_aspect),
        ("unknown_token", lambda s: (s.unknown > 0) & (params.unknown_tokens == "drop")),
        ("expression", lambda s: _breaks(s, params.expression)),
        ("leakage", lambda s: leaks(s, params.leakage)),
        ("duplicate", lambda s: s.duplicated(["split", "pixel_hash", "latex"]) & (params.duplicates == "drop")),
    ]
    reasons = pd.Series("", index=samples.index, dtype=object)
    for reason, applies in rules:
        left = samples[reasons == ""]
        hit = applies(left)
        reasons[left.index[hit]] = reason
    return reasons


def _breaks(samples: pd.DataFrame, rule: str | None) -> Mask:
    """Samples that do not meet the user's rule."""
    if rule is None or samples.empty:
        return pd.Series(False, index=samples.index)
    return ~filter_expression.holds(samples, rule)


def leaks(samples: pd.DataFrame, policy: str) -> Mask:
    """Samples whose image or normalized text stands in more than one split, on the side the policy drops.

    Between two held-out splits the later one in the order val, test keeps the sample: test is what is published.
    """
    lost = pd.Series(False, index=samples.index)
    if policy == "keep":
        return lost
    order = {"drop_held_out": {"train": 2, "test": 1, "val": 0}, "drop_training": {"test": 2, "val": 1, "train": 0}}
    rank = samples["split"].map(order[policy])
    for key in ("pixel_hash", "latex"):
        best = rank.groupby(samples[key]).transform("max")
        lost |= rank < best
    return lost
