"""Parts of metrics.json as small tables that `dvc plots show` and `dvc plots diff` draw.

writes  <folder>/by_length.tsv    one line a class of length: its scores
        <folder>/by_feature.tsv   one line a feature: its scores
        <folder>/kinds.tsv        one line a kind of prediction: how many are of it
        <folder>/confusions.tsv   one line a confusion: how often; what was printed, what was read
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

NOTHING = "nothing"
"""Stands for what was read where a token is missing, and for what was printed where one is extra."""

CONFUSIONS = 20
"""Bars of a chart that are still told apart."""


def write_plots(metrics: Mapping[str, Any], folder: Path) -> None:
    """Write all tables, over those of an earlier run."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, first in (("by_length", "tokens"), ("by_feature", "feature")):
        blocks: Mapping[str, Mapping[str, Any]] = metrics[name]
        titles = [title for title in metrics["intervals"] if title in metrics]
        rows = ([key, block["n"], *(block[title] for title in titles)] for key, block in blocks.items())
        _write(folder / f"{name}.tsv", [first, "samples", *titles], rows)
    errors = metrics["errors"]
    _write(folder / "kinds.tsv", ["kind", "predictions"], errors["kinds"].items())
    _write(folder / "confusions.tsv", ["confusion", "times", "printed", "read"], _confusions(errors))


def _confusions(errors: Mapping[str, Any]) -> list[list[Any]]:
    """The most frequent edits of all three kinds."""
    edits = [(printed, read, count) for printed, read, count in errors["replaced"]]
    edits += [(printed, NOTHING, count) for printed, count in errors["missing"]]
    edits += [(NOTHING, read, count) for read, count in errors["extra"]]
    ranked = sorted(edits, key=lambda edit: (-edit[2], edit[0], edit[1]))[:CONFUSIONS]
    return [[f"{printed} → {read}", count, printed, read] for printed, read, count in ranked]


def _write(path: Path, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)
