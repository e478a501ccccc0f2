"""Scores of all conditions as JSON, as a printed table, and as the summary for the report."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.robustness.conditions import CLEAN, CONDITIONS
from benchmarks.robustness.sample import LENGTHS
from benchmarks.robustness.scoring import Read, describe
from im2latex.reporting.tables import markdown_table

MOST_LOST = 1 / 3
"""No condition should lose more of the clean image_exact than this share."""


def by_condition(reads: Iterable[Read], made: Mapping[str, Any]) -> dict[str, Any]:
    """{length: {condition: scores}}, conditions in the order of their table, the missing ones named `unavailable`.

    `made` is what became of each condition when it was drawn: `not_drawn` comes from there, for both lengths together.
    """
    groups: dict[tuple[str, str], list[Read]] = {}
    for read in reads:
        groups.setdefault((read.length, read.condition), []).append(read)
    return {
        length: {
            condition.name: {"kind": condition.kind}
            | describe(groups[length, condition.name], groups[length, CLEAN])
            | {"not_drawn": made[condition.name]["not_drawn"]}
            for condition in CONDITIONS
            if (length, condition.name) in groups
        }
        for length in LENGTHS
    } | {"unavailable": {name: one["unavailable"] for name, one in made.items() if "unavailable" in one}}


def markdown(scores: Mapping[str, Mapping[str, Any]]) -> str:
    """The scores of one length, a row for each condition; what loses more than a third of `clean` is marked."""
    head = ["Condition", "n", "image_exact", "95 %", "of clean", "exact", "BLEU", "edit", "size", "not read"]
    return markdown_table(head, (_row(name, one) for name, one in scores.items()))


def _row(name: str, one: Mapping[str, Any]) -> Sequence[str]:
    low, high = one["intervals"]["image_exact"]
    lost = " (!)" if one["of_clean"] < 1 - MOST_LOST else ""
    size = f"{one['size'][1]:.2f}" if one["size"] else "–"
    numbers = [f"{one['image_exact']:.3f}", f"{low:.3f} – {high:.3f}", f"{one['of_clean']:.2f}{lost}"]
    numbers += [f"{one[score]:.3f}" for score in ("exact", "bleu", "edit")]
    return [name, f"{one['n']}", *numbers, size, f"{sum(one['not_read'].values())}"]


def for_report(checkpoint: str, scores: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What reports/robustness.json holds."""
    names = ("n", "image_exact", "bleu", "of_clean")
    return {
        "checkpoint": checkpoint,
        "conditions": [{"name": name} | {key: one[key] for key in names} for name, one in scores.items()],
    }
