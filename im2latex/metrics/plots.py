"""Tables of the breakdowns that `dvc plots show` and `dvc plots diff` draw.

writes  <folder>/by_length.tsv    per class of length: the scores, and the interval of one of them
        <folder>/by_feature.tsv   per feature: the same
        <folder>/kinds.tsv        per kind of prediction: the number of predictions
        <folder>/edits.tsv        per kind of token edit: the number of edits
        <folder>/confusions.tsv   per pair of tokens: how often the second was predicted for the first
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

BARS = "image_exact"
"""The metric that the bars show; `low` and `high` are the ends of its interval."""
CONFUSIONS = 20
"""Most bars of a chart."""


def write_plots(metrics: Mapping[str, Any], folder: Path) -> None:
    """Write all tables and replace those of an earlier run; `metrics` is a summary of `metrics.summary`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, first in (("by_length", "tokens"), ("by_feature", "feature")):
        blocks: Mapping[str, Mapping[str, Any]] = metrics[name]
        titles = [title for title in metrics["intervals"] if title in metrics]
        rows = (
            [key, block["n"], *(block[title] for title in titles), *block["intervals"].get(BARS, ["", ""])]
            for key, block in blocks.items()
        )
        _write(folder / f"{name}.tsv", [first, "samples", *titles, "low", "high"], rows)
    errors = metrics["errors"]
    _write(folder / "kinds.tsv", ["kind", "predictions"], errors["kinds"].items())
    _write(folder / "edits.tsv", ["edit", "times"], errors["edits"].items())
    pairs = ([f"{reference} → {predicted}", times] for reference, predicted, times in errors["replaced"][:CONFUSIONS])
    _write(folder / "confusions.tsv", ["confusion", "times"], pairs)


def _write(path: Path, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)
