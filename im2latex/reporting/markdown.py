"""The numbers of the report as Markdown tables, for a pull request or a job summary."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from im2latex.reporting.report_model import (
    AuditSummary,
    Breakdown,
    ErrorSummary,
    LengthChart,
    Padding,
    Provenance,
    RobustnessCondition,
    StageLedger,
    SubsetScore,
    VocabularyCoverage,
)
from im2latex.reporting.score_tables import BASELINE_LABELS, baseline_scores, score_rows


def scores_table(scores: Mapping[str, Any]) -> str:
    """The scores of the chosen split with intervals, beside those of the baselines."""
    beside = [BASELINE_LABELS[name] for name in baseline_scores(scores)]
    rows = []
    for score in score_rows(scores):
        interval = f"{score.interval[0]:.3f} – {score.interval[1]:.3f}" if score.interval else "–"
        label = f"{score.label} ↓" if score.lower_is_better else score.label
        values = ["–" if value is None else f"{value:.3f}" for value in score.baselines]
        rows.append([label, f"**{score.value:.3f}**", interval, *values])
    return table(["Score", f"Model (n = {scores['n']:,})", "95 % interval", *beside], rows)


def ledger_table(stages: Iterable[StageLedger]) -> str:
    """The records that each stage saw, kept and dropped, with the reasons."""
    rows = []
    for stage in stages:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in stage.reasons) or "–"
        rows.append([stage.stage, f"{stage.seen:,}", f"{stage.kept:,}", f"{stage.dropped:,}", reasons])
    return table(["Stage", "Seen", "Kept", "Dropped", "Reasons"], rows, words={0, 4})


def breakdown_table(lengths: Iterable[LengthChart], breakdowns: Iterable[Breakdown]) -> str:
    """One metric over subsets of the samples: by length, by feature, by source."""
    groups = [(f"{one.label} by length in tokens", one.classes) for one in list(lengths)[:1]]
    groups += [(f"{one.label}, {one.title[0].lower()}{one.title[1:]}", one.parts) for one in breakdowns]
    return "\n".join(table([title, "n", "Score", "95 % interval"], map(_part, parts)) for title, parts in groups)


def _part(part: SubsetScore) -> list[str]:
    low, high = part.interval
    return [part.name, f"{part.samples:,}", f"{part.value:.3f}", f"{low:.3f} – {high:.3f}"]


def errors_table(errors: ErrorSummary, samples: int) -> str:
    """Kinds of predictions, then the most frequent token edits."""
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
    return table(["Predictions", "n", "Share"], kinds) + "\n" + table(head, rows, words={0, 1, 3, 5})


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
    return table([f"{vocabulary.entries:,} entries", "Formulas", "with unknown", "Unknown tokens"], rows)


def robustness_table(conditions: Sequence[RobustnessCondition]) -> str:
    """The same model on degraded images; empty where none was measured."""
    rows = [
        [one.name, f"{one.samples:,}", f"{one.image_exact:.3f}", f"{one.bleu:.3f}", f"{100 * one.of_clean:.0f} %"]
        for one in conditions
    ]
    return table(["Degraded images", "n", "Same image", "BLEU-4", "Of clean"], rows) if rows else ""


def provenance_table(provenance: Provenance) -> str:
    """Hashes and counts."""
    return table(["Provenance", ""], [[name, _code(value)] for name, value in provenance.facts.items()], words={0, 1})


def padding_table(padding: Padding) -> str:
    """The share of a batch that is not padding."""
    shares = [f"{100 * share:.1f} %" for share in (padding.pixels, padding.tokens)]
    return table(
        ["Shapes", "Pixels that are image", "Tokens that are label"], [[f"{padding.shapes}", *shares]], words=()
    )


def audit_table(audit: AuditSummary) -> str:
    """How many images the normalizer left unchanged."""
    rate = f"{100 * audit.same / max(1, audit.printable):.2f} %"
    counts = (audit.audited, audit.printable, audit.same, audit.changed, audit.broken, audit.not_idempotent)
    head = ["Audited", "Print as given", "Same image", "Changed", "Broken", "Not idempotent", "Rate"]
    return table(head, [[*(f"{count:,}" for count in counts), rate]], words=())


def _code(text: str) -> str:
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], words: Iterable[int] = (0,)) -> str:
    """A Markdown table; columns in `words` are aligned to the left, all others to the right."""
    rules = [":--" if place in set(words) else "--:" for place in range(len(head))]
    lines = [head, rules, *rows]
    return "".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |\n" for line in lines)
