"""Scores as rows for readers, from reports/metrics.json and reports/evaluation.json; HTML and Markdown share them.

The mapping `scores` that the functions take is the union of both files, as `read_scores` returns it.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from im2latex.io.json_files import read_json
from im2latex.metrics.registry import METRICS
from im2latex.reporting.report_model import Breakdown, ErrorCount, ErrorSummary, LengthChart, ScoreRow, SubsetScore

BASELINE_LABELS: Mapping[str, str] = MappingProxyType(
    {
        "blank": "Blank image",
        "most_frequent": "Most frequent",
        "empty": "Empty",
        "one_changed": "One token changed",
    }
)
"""Labels of what the model is compared with, in the order shown."""

FEATURE_LABELS: Mapping[str, str] = MappingProxyType(
    {
        "plain": "None of those below",
        "script": "Sub- or superscripts",
        "font": "Font commands",
        "accent": "Accents",
        "fraction_depth_1": "Fractions",
        "fraction_depth_2": "Fractions in fractions",
        "fraction_depth_3": "Fractions three deep or more",
        "root": "Roots",
        "large_operator": "Large operators",
        "sized_delimiter": "Sized delimiters",
        "matrix": "Matrices, cases, arrays",
        "several_lines": "Several lines",
        "text": "Words",
    }
)
"""Labels of the features of `metrics.breakdown`, in the order shown."""

ERROR_LABELS: Mapping[str, tuple[str, bool]] = MappingProxyType(
    {
        "exact": ("Same string", True),
        "same_image": ("Other string, same image", True),
        "spacing_only": ("Only spacing differs", False),
        "one_token": ("One token wrong", False),
        "several_tokens": ("Several tokens wrong", False),
        "no_image": ("Does not typeset", False),
        "empty": ("Empty prediction", False),
    }
)
"""Labels of the kinds of predictions of `metrics.breakdown`, and whether the prediction is correct."""

SHOWN = 12
"""Confused tokens of each kind that are shown; evaluation.json may list more."""


def read_scores(reports: Path) -> dict[str, Any]:
    """The metrics of the chosen split and all breakdowns; raises `ArtifactError` where evaluate has not run."""
    return {**read_json(reports / "metrics.json"), **read_json(reports / "evaluation.json")}


def baseline_scores(scores: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The scores of the baselines that were computed, by their names in evaluation.json."""
    blocks = {**scores.get("baselines", {})}
    if "blank" in scores:
        blocks["blank"] = scores["blank"]
    return {name: blocks[name] for name in BASELINE_LABELS if name in blocks}


def score_rows(scores: Mapping[str, Any]) -> tuple[ScoreRow, ...]:
    """One row a metric, in the order of the registry."""
    baselines = baseline_scores(scores).values()
    rows = []
    for name, metric in METRICS.items():
        if name in scores:
            bounds = scores.get("intervals", {}).get(name)
            rows.append(
                ScoreRow(
                    name,
                    metric.label,
                    metric.description,
                    metric.lower_is_better,
                    scores[name],
                    (bounds[0], bounds[1]) if bounds else None,
                    tuple(block.get(name) for block in baselines),
                )
            )
    return tuple(rows)


def length_charts(scores: Mapping[str, Any]) -> tuple[LengthChart, ...]:
    """The charted metrics over classes of reference length."""
    return tuple(
        LengthChart(METRICS[name].label, tuple(_subset(label, block, name) for label, block in classes))
        for name in _charted(scores)
        for classes in [scores["by_length"].items()]
    )


def _charted(scores: Mapping[str, Any]) -> list[str]:
    """Of each chart of the registry the first metric that was computed."""
    names: dict[str, str] = {}
    for name, metric in METRICS.items():
        if metric.chart and name in scores:
            names.setdefault(metric.chart, name)
    return list(names.values())


def breakdowns(scores: Mapping[str, Any]) -> tuple[Breakdown, ...]:
    """The first charted metric by feature and, where samples have groups, by source."""
    metric = _charted(scores)[0]
    features = {label: scores["by_feature"].get(name) for name, label in FEATURE_LABELS.items()}
    tables = [
        _breakdown("By content of the formula", "A formula may have several features.", metric, features),
        _breakdown("By source", "The largest groups of formulas.", metric, scores.get("by_group", {})),
    ]
    return tuple(table for table in tables if table.parts)


def _breakdown(title: str, note: str, metric: str, blocks: Mapping[str, Mapping[str, Any] | None]) -> Breakdown:
    parts = tuple(_subset(label, block, metric) for label, block in blocks.items() if block)
    return Breakdown(title, note, METRICS[metric].label, parts)


def _subset(label: str, block: Mapping[str, Any], metric: str) -> SubsetScore:
    low, high = block["intervals"][metric]
    return SubsetScore(label, block["n"], block[metric], (low, high))


def error_summary(scores: Mapping[str, Any]) -> ErrorSummary:
    """Kinds of predictions in the order of `ERROR_LABELS`, and the most frequent token edits."""
    found = scores["errors"]
    edits = dict(found["edits"])
    kinds = [(found["kinds"].get(name), *words) for name, words in ERROR_LABELS.items()]
    return ErrorSummary(
        kinds=tuple(ErrorCount(label, samples, correct) for samples, label, correct in kinds if samples),
        of_spacing=edits.pop("of_spacing"),
        edits=tuple(edits.items()),
        replaced=tuple((pair[0], pair[1], pair[2]) for pair in found["replaced"][:SHOWN]),
        missing=tuple((token, count) for token, count in found["missing"][:SHOWN]),
        extra=tuple((token, count) for token, count in found["extra"][:SHOWN]),
    )
