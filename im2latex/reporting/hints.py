"""Hints for stages that drop many records for one reason: what to change in params.yaml."""

from collections.abc import Mapping
from types import MappingProxyType

from im2latex.reporting.report_data import StageLedger

LARGE_SHARE = 0.05
"""A larger share of the records of a stage, dropped for one reason, gets a hint."""

REMEDIES: Mapping[str, str] = MappingProxyType(
    {
        "unknown_token": "a token is in the vocabulary if it occurs `tokenize.vocabulary.min_frequency` times in the "
        "training split: lower it for a small corpus, or name tokens in `tokenize.vocabulary.include`",
        "too_long": "raise `filter.max_tokens`, or `normalize.normalizer.max_characters` in the stage normalize",
        "too_wide": "raise `filter.max_width_px`, or `render.renderer.max_width_px` in the stage render",
        "too_tall": "raise `filter.max_height_px`, or `render.renderer.max_height_px` in the stage render",
        "aspect": "raise `filter.max_aspect`",
        "duplicate": "the corpus repeats formulas; `filter.duplicates: keep` keeps them in their split",
        "leakage": "the corpus has the same formula in several splits; `filter.leakage` says which side loses it",
        "expression": "look at `filter.expression`",
        "not_allowed": "define the commands of your packages in `normalize.normalizer.commands` or custom/macros.tex",
        "undefined_macro": "load the package in `render.renderer.template.packages`, or define the command in "
        "`render.renderer.template.extra_preamble`",
        "timeout": "raise `render.renderer.timeout_seconds`",
        "memory": "raise `render.renderer.memory_mb`",
    }
)
"""What helps, by the reason of the ledger."""


def hints(ledger: StageLedger) -> tuple[str, ...]:
    """A sentence for every reason that costs the stage a large share of its records."""
    return tuple(
        f"{reason.replace('_', ' ')} costs {count / ledger.seen:.0%} of the records of {ledger.stage}: "
        + REMEDIES.get(reason, f"data/{ledger.stage}/rejects.parquet has each with its detail")
        for reason, count in ledger.reasons
        if count > LARGE_SHARE * ledger.seen
    )
