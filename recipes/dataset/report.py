"""Composition of a dataset before and after filtering: length, source, style, bold, symbols.

reads   OUT/*.jsonl.gz and OUT/ledger.json of a build; shards of the pipeline, where there are any
writes  a JSON object with the figures, and the same as text
"""

import gzip
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from im2latex.dataset.shards import SHARDS
from im2latex.io.json_files import read_json
from im2latex.io.parquet import part_paths, read_table
from recipes.dataset.statistics import Statistics

MOST_LISTED = 60


def describe(folder: Path, shards: Path | None = None, least: int = 200) -> dict[str, Any]:
    """The figures of a dataset folder, and of the images that the pipeline made of it."""
    ledger = read_json(folder / "ledger.json", f"python -m recipes.dataset build ... -o {folder}")
    before: dict[str, Any] = next((its["before"] for its in ledger["inputs"].values() if "before" in its), {})
    whole, sources = Statistics(), {}
    for name, rows in _files(folder):
        its = Statistics.of(row["formula"] for row in rows if row["split"] == "train")
        if its.lengths:
            whole.merge(its)
            sources[name] = its.summary(least)
    total = whole.lengths.total()
    figures: dict[str, Any] = {
        "before": {key: value for key, value in before.items() if key != "symbols"},
        "after": whole.summary(least),
        "sources": {name: {"share": round(its["labels"] / total, 4), **its} for name, its in sources.items()},
        "symbols": _coverage(whole.symbols, before.get("symbols", {}), least),
    }
    if shards is not None:
        figures["images"] = _images(shards, least)
    return figures


def _files(folder: Path) -> Iterator[tuple[str, Iterator[dict[str, str]]]]:
    for path in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            yield path.name.removesuffix(".jsonl.gz"), map(json.loads, file)


def _coverage(counts: Counter[str], before: Mapping[str, int], least: int) -> dict[str, Any]:
    """Of tokens that are no arguments, which stand in how many labels."""
    rare = sorted((count, token) for token, count in counts.items() if 20 <= count < least)
    return {
        f"in {least} labels or more, before": sum(count >= least for count in before.values()),
        f"in {least} labels or more": sum(count >= least for count in counts.values()),
        f"in 20 labels or more but fewer than {least}": len(rare),
        "the rarest of these": {token: count for count, token in rare[:MOST_LISTED]},
    }


def _images(shards: Path, least: int) -> dict[str, Any]:
    """Images of the split train by style, source and length, and the tokens of their labels."""
    paths = part_paths(shards / "train", SHARDS)
    styles: Counter[str] = Counter()
    sources: Counter[str] = Counter()
    labels = Statistics()
    for path in paths:
        columns = read_table(path, ["style", "source_id", "latex"]).to_pydict()
        styles.update(columns["style"])
        sources.update((name or "").partition(":")[0] for name in columns["source_id"])
        labels.merge(Statistics.of(columns["latex"]))
    total = labels.lengths.total()
    return {
        **labels.summary(least),
        "styles": {name: round(count / total, 4) for name, count in sorted(styles.items())},
        "sources": {name: round(count / total, 4) for name, count in sorted(sources.items())},
        "symbols": _coverage(labels.symbols, {}, least),
    }


def as_text(figures: Mapping[str, Any]) -> str:
    """The main figures as a table."""
    before, after = figures["before"], figures["after"]
    lines = [f"{'':24}{'before':>10}{'after':>10}", f"{'labels':24}{before.get('labels', 0):10,}{after['labels']:10,}"]
    for key in ("lengths", "bold", "fonts"):
        for name in dict.fromkeys([*before.get(key, {}), *after[key]]):
            lines.append(
                f"{key} {name:18}".ljust(24) + _percent(before.get(key, {}), name) + _percent(after[key], name)
            )
    lines.append(f"{'multiline':24}" + _percent(before, "multiline") + _percent(after, "multiline"))
    lines += [f"{name:24}{'':10}" + _percent(its, "share") for name, its in figures["sources"].items()]
    lines += [f"{key}: {value}" for key, value in figures["symbols"].items()]
    for key, values in figures.get("images", {}).items():
        lines.append(f"images, {key}: {values}")
    return "\n".join(lines)


def _percent(values: Mapping[str, float], name: str) -> str:
    return f"{100 * values[name]:9.1f}%" if name in values else f"{'':10}"
