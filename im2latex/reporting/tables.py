"""Tables of the report: scores as rows for readers, and all numbers as Markdown, for a pull request or a job summary.

The HTML page and the Markdown share the rows. They come from reports/metrics.json and reports/evaluation.json: the
mapping `scores` that functions take is the union of both files, as `read_scores` returns it.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from types import MappingProxyType
from typing import Any

from im2latex.io.json_files import read_json
from im2latex.metrics.registry import METRICS
from im2latex.reporting.report_data import (
    AuditSummary,
    Breakdown,
    ErrorClass,
    ErrorCount,
    ErrorSummary,
    LengthChart,
    Padding,
    Provenance,
    RobustnessCondition,
    ScoreRow,
    StageLedger,
    SubsetScore,
    VocabularyCoverage,
)

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

ERROR_CLASS_LABELS: Mapping[str, str] = MappingProxyType(
    {
        "spacing": "Spacing",
        "font": "Fonts and styles",
        "structure": "Structure: scripts, fractions, delimiters, environments",
        "symbol": "Symbols and letters",
    }
)
"""Labels of the classes of errors of `metrics.breakdown`."""

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
    edits, costs = dict(found["edits"]), found.get("classes", {})
    kinds = [(found["kinds"].get(name), *words) for name, words in ERROR_LABELS.items()]
    return ErrorSummary(
        kinds=tuple(ErrorCount(label, samples, correct) for samples, label, correct in kinds if samples),
        of_spacing=edits.pop("of_spacing"),
        edits=tuple(edits.items()),
        replaced=tuple((pair[0], pair[1], pair[2]) for pair in found["replaced"][:SHOWN]),
        missing=tuple((token, count) for token, count in found["missing"][:SHOWN]),
        extra=tuple((token, count) for token, count in found["extra"][:SHOWN]),
        classes=tuple(
            ErrorClass(label, int(costs[name]["n"]), int(costs[name]["alone"]), costs[name]["cost"])
            for name, label in ERROR_CLASS_LABELS.items()
            if name in costs
        ),
    )


def scores_table(scores: Mapping[str, Any]) -> str:
    """The scores of the chosen split with intervals, beside those of the baselines."""
    beside = [BASELINE_LABELS[name] for name in baseline_scores(scores)]
    rows = []
    for score in score_rows(scores):
        interval = f"{score.interval[0]:.3f} – {score.interval[1]:.3f}" if score.interval else "–"
        label = f"{score.label} ↓" if score.lower_is_better else score.label
        values = ["–" if value is None else f"{value:.3f}" for value in score.baselines]
        rows.append([label, f"**{score.value:.3f}**", interval, *values])
    return markdown_table(["Score", f"Model (n = {scores['n']:,})", "95 % interval", *beside], rows)


def ledger_table(stages: Iterable[StageLedger]) -> str:
    """The records that each stage saw, kept and dropped, with the reasons."""
    rows = []
    for stage in stages:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in stage.reasons) or "–"
        rows.append([stage.stage, f"{stage.seen:,}", f"{stage.kept:,}", f"{stage.dropped:,}", reasons])
    return markdown_table(["Stage", "Seen", "Kept", "Dropped", "Reasons"], rows, words={0, 4})


def breakdown_table(lengths: Iterable[LengthChart], breakdowns: Iterable[Breakdown]) -> str:
    """One metric over subsets of the samples: by length, by feature, by source."""
    groups = [(f"{one.label} by length in tokens", one.classes) for one in list(lengths)[:1]]
    groups += [(f"{one.label}, {one.title[0].lower()}{one.title[1:]}", one.parts) for one in breakdowns]
    return "\n".join(
        markdown_table([title, "n", "Score", "95 % interval"], map(_part, parts)) for title, parts in groups
    )


def _part(part: SubsetScore) -> list[str]:
    low, high = part.interval
    return [part.name, f"{part.samples:,}", f"{part.value:.3f}", f"{low:.3f} – {high:.3f}"]


def errors_table(errors: ErrorSummary, samples: int) -> str:
    """Kinds of predictions, the cost of each class of error, then the most frequent token edits."""
    kinds = [[one.label, f"{one.samples:,}", f"{100 * one.samples / max(1, samples):.1f} %"] for one in errors.kinds]
    columns: list[list[tuple[str, ...]]] = [
        [(_code(printed), _code(predicted), f"{count:,}") for printed, predicted, count in errors.replaced],
        [(_code(token), f"{count:,}") for token, count in errors.missing],
        [(_code(token), f"{count:,}") for token, count in errors.extra],
    ]
    blank = (("", "", ""), ("", ""), ("", ""))
    rows = [
        [cell for one, nothing in zip(row, blank, strict=True) for cell in one or nothing]
        for row in zip_longest(*columns)
    ]
    head = ["Reference", "Predicted", "Times", "Missing", "Times", "Extra", "Times"]
    classes = [[one.label, f"{one.samples:,}", f"{one.alone:,}", f"{one.cost:.3f}"] for one in errors.classes]
    tables = [markdown_table(["Predictions", "n", "Share"], kinds)]
    if classes:
        tables.append(markdown_table(["Differs in", "n", "In nothing else", "Cost in `image_exact`"], classes))
    return "\n".join([*tables, markdown_table(head, rows, words={0, 1, 3, 5})])


def coverage_table(vocabulary: VocabularyCoverage) -> str:
    """Unknown tokens by split."""
    rows = [
        [
            use.split,
            f"{use.formulas:,}",
            f"{100 * use.formulas_with_unknown / max(1, use.formulas):.2f} %",
            f"{100 * use.unknown / max(1, use.tokens):.2f} %",
        ]
        for use in vocabulary.splits
    ]
    return markdown_table([f"{vocabulary.entries:,} entries", "Formulas", "with unknown", "Unknown tokens"], rows)


def robustness_table(conditions: Sequence[RobustnessCondition]) -> str:
    """The same model on degraded images; empty where none was measured."""
    rows = [
        [one.name, f"{one.samples:,}", f"{one.image_exact:.3f}", f"{one.bleu:.3f}", f"{100 * one.of_clean:.0f} %"]
        for one in conditions
    ]
    return markdown_table(["Degraded images", "n", "Same image", "BLEU-4", "Of clean"], rows) if rows else ""


def provenance_table(provenance: Provenance) -> str:
    """Hashes and counts."""
    return markdown_table(
        ["Provenance", ""], [[name, _code(value)] for name, value in provenance.facts.items()], words={0, 1}
    )


def padding_table(padding: Padding) -> str:
    """The share of a batch that is not padding."""
    shares = [f"{100 * share:.1f} %" for share in (padding.pixels, padding.tokens)]
    return markdown_table(
        ["Shapes", "Pixels that are image", "Tokens that are label"], [[f"{padding.shapes}", *shares]], words=()
    )


def audit_table(audit: AuditSummary) -> str:
    """Table of the images that the normalizer left unchanged."""
    rate = f"{100 * audit.same / max(1, audit.printable):.2f} %"
    counts = (audit.audited, audit.printable, audit.same, audit.changed, audit.broken, audit.not_idempotent)
    head = ["Audited", "Print as given", "Same image", "Changed", "Broken", "Not idempotent", "Rate"]
    return markdown_table(head, [[*(f"{count:,}" for count in counts), rate]], words=())


def _code(text: str) -> str:
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]], words: Iterable[int] = (0,)) -> str:
    """A Markdown table; columns in `words` are aligned to the left, all others to the right."""
    rules = [":--" if place in set(words) else "--:" for place in range(len(head))]
    lines = [head, rules, *rows]
    return "".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |\n" for line in lines)
