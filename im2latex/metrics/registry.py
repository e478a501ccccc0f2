"""The registry of metrics: name, label, direction, counts of one sample, and the aggregate over all samples.

Everything that computes, lists, draws, compares or checks metrics reads `METRICS`. To add a metric, add an entry here
and, where no present function counts what it needs, a per-sample function:

    text          (reference, hypothesis): strings of tokens separated by whitespace; counts are computed when needed
    images        (reference, hypothesis): uint8 (H, W) at 200 dpi, or None where the string does not typeset
    glyph_boxes   (reference, hypothesis): `GlyphBoxes`, or None

A per-sample function returns its counts by name. Those of images and glyph boxes are stored in data/evaluate, so their
names are also columns of `schemas.SCORES`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from im2latex.metrics.bootstrap import Aggregate, mean
from im2latex.metrics.cdm import symbol_counts
from im2latex.metrics.image import image_counts, image_edit_similarity
from im2latex.metrics.text import (
    bleu,
    bleu_any_length,
    character_error_rate,
    edit_similarity,
    token_counts,
    token_error_rate,
)
from im2latex.types import Tokenizer

Needs = Literal["text", "images", "glyph_boxes"]
SampleCounts = Callable[[Any, Any], Mapping[str, float]]
"""Counts of one (reference, hypothesis) pair, by name."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    `columns` are the counts that `aggregate` reads beside the number of samples. `latex_aggregate` replaces it where
    the tokens are those of the LaTeX lexer. `primary` metrics are checked by the gate, and the first of them are shown
    beside each run. Metrics with the same `chart` share one chart, which shows the first of them that was computed.
    """

    name: str
    label: str
    description: str
    needs: Needs
    sample_counts: SampleCounts
    columns: tuple[str, ...]
    aggregate: Aggregate
    latex_aggregate: Aggregate | None = None
    lower_is_better: bool = False
    primary: bool = False
    chart: str | None = None

    def aggregate_for(self, tokenizer: Tokenizer) -> Aggregate:
        """The aggregate that goes with a tokenizer: `whitespace` has the published definitions."""
        return self.latex_aggregate if tokenizer == "latex" and self.latex_aggregate else self.aggregate


def _mean_of(name: str, label: str, description: str, needs: Needs, counts: SampleCounts, **options: Any) -> Metric:
    return Metric(name, label, description, needs, counts, (name,), mean(name), **options)


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            _mean_of(
                "image_exact",
                "Same image",
                "typeset at 200 dpi, every pixel of ink is equal",
                "images",
                image_counts,
                primary=True,
                chart="correct",
            ),
            _mean_of("exact", "Same string", "all tokens equal", "text", token_counts, primary=True, chart="correct"),
            Metric(
                "bleu",
                "BLEU-4",
                "corpus BLEU over tokens, no smoothing",
                "text",
                token_counts,
                ("ref_tokens", "hyp_tokens"),
                bleu,
                latex_aggregate=bleu_any_length,
                primary=True,
            ),
            Metric(
                "edit",
                "Edit similarity",
                "1 − token edits / longer length",
                "text",
                token_counts,
                ("edits", "max_tokens"),
                edit_similarity,
                primary=True,
                chart="similarity",
            ),
            Metric(
                "token_error_rate",
                "Token error rate",
                "token edits / reference length",
                "text",
                token_counts,
                ("edits", "ref_tokens"),
                token_error_rate,
                lower_is_better=True,
            ),
            Metric(
                "cer",
                "Character error rate",
                "character edits / reference length",
                "text",
                token_counts,
                ("character_edits", "ref_characters"),
                character_error_rate,
                lower_is_better=True,
            ),
            Metric(
                "image_edit",
                "Column edit similarity",
                "1 − pixel-column edits / larger width",
                "images",
                image_counts,
                ("image_edits", "image_columns"),
                image_edit_similarity,
            ),
            _mean_of("image_match", "Tolerant match", "the published rule; ignores extra ink", "images", image_counts),
            _mean_of(
                "image_match_nospace",
                "Tolerant match, no spaces",
                "the same, blank columns removed",
                "images",
                image_counts,
            ),
            _mean_of("cdm", "CDM", "matched glyph boxes, F1", "glyph_boxes", symbol_counts, primary=True),
            _mean_of("cdm_exact", "CDM exact", "all glyph boxes matched", "glyph_boxes", symbol_counts),
            _mean_of(
                "cdm_strict",
                "CDM strict",
                "the same, in place and size to half a pixel at 200 dpi",
                "glyph_boxes",
                symbol_counts,
                primary=True,
            ),
            _mean_of("compiles", "Typesets", "the prediction is valid LaTeX", "images", image_counts, primary=True),
        )
    }
)
"""All metrics by name, in the order in which they are shown."""

PRIMARY_METRICS = tuple(name for name, metric in METRICS.items() if metric.primary)
"""Names of the primary metrics."""

RUN_COLUMNS = PRIMARY_METRICS[:4]
"""The primary metrics that a table of runs shows."""


def lower_is_better(name: str) -> bool:
    """Whether a smaller value is better, for a metric or a validation value such as `val_loss`."""
    metric = METRICS.get(name) or METRICS.get(name.removeprefix("val_"))
    return metric.lower_is_better if metric else name.endswith(("_loss", "_error"))


def label(name: str) -> str:
    """The label of a metric, or the name itself where it is not registered."""
    return METRICS[name].label if name in METRICS else name


def in_order(names: Sequence[str]) -> list[str]:
    """The names in the order of the registry, those that are not registered after the others."""
    return [name for name in METRICS if name in names] + [name for name in names if name not in METRICS]


def sample_functions(needs: Needs) -> tuple[SampleCounts, ...]:
    """The distinct per-sample functions of the metrics that need this."""
    return tuple(dict.fromkeys(metric.sample_counts for metric in METRICS.values() if metric.needs == needs))


def aggregates(needs: Needs, tokenizer: Tokenizer = "whitespace") -> dict[str, Aggregate]:
    """The aggregates of the metrics that need this, by name."""
    return {name: metric.aggregate_for(tokenizer) for name, metric in METRICS.items() if metric.needs == needs}
