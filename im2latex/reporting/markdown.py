"""Metrics, the audit and ledgers as Markdown tables, for a pull request or a job summary."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from im2latex.reporting.content import Audit, Padding, StageCount
from im2latex.reporting.scores import CONTROLS, controls, scores


def metrics_table(metrics: Mapping[str, Any]) -> str:
    """The scores of the headline split with intervals, beside the controls."""
    beside = [CONTROLS[name] for name in controls(metrics)]
    rows = []
    for score in scores(metrics):
        interval = f"{score.interval[0]:.3f} – {score.interval[1]:.3f}" if score.interval else "–"
        label = f"{score.label} ↓" if score.lower_is_better else score.label
        values = ["–" if value is None else f"{value:.3f}" for value in score.controls]
        rows.append([label, f"**{score.value:.3f}**", interval, *values])
    return table(["Score", f"Model (n = {metrics['n']:,})", "95 % interval", *beside], rows)


def ledger_table(stages: Iterable[StageCount]) -> str:
    """What each stage saw, kept and dropped, with its reasons."""
    rows = []
    for stage in stages:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in stage.reasons) or "–"
        rows.append([stage.stage, f"{stage.seen:,}", f"{stage.kept:,}", f"{stage.dropped:,}", reasons])
    return table(["Stage", "Seen", "Kept", "Dropped", "Reasons"], rows, words={0, 4})


def padding_table(padding: Padding) -> str:
    """How much of a batch is not padding."""
    shares = [f"{100 * share:.1f} %" for share in (padding.pixels, padding.tokens)]
    return table(
        ["Shapes", "Pixels that are picture", "Tokens that are label"], [[f"{padding.shapes}", *shares]], words=()
    )


def audit_table(audit: Audit) -> str:
    """Whether normalizing kept the pictures."""
    rate = f"{100 * audit.same / max(1, audit.printable):.2f} %"
    counts = (audit.audited, audit.printable, audit.same, audit.changed, audit.broken, audit.not_idempotent)
    head = ["Audited", "Print as given", "Same picture", "Changed", "Broken", "Not idempotent", "Rate"]
    return table(head, [[*(f"{count:,}" for count in counts), rate]], words=())


def table(head: Sequence[str], rows: Iterable[Sequence[str]], words: Iterable[int] = (0,)) -> str:
    """A Markdown table; columns in `words` stand left, all others right."""
    rules = [":--" if place in set(words) else "--:" for place in range(len(head))]
    lines = [head, rules, *rows]
    return "".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |\n" for line in lines)
