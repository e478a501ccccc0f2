"""Composition of a dataset (length, source, style, bold, symbols), and contact sheets of its images.

reads   OUT/*.jsonl.gz and OUT/ledger.json of a build; data/bucket/ and data/render/ of the pipeline
writes  figures as a JSON object and as text
        OUT/STYLE.png   images of one style, in columns of equal width
"""

import gzip
import io
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from im2latex.dataset.shards import SHARDS
from im2latex.images.arrays import PAPER
from im2latex.io.json_files import read_json
from im2latex.io.parquet import part_paths, read_table
from recipes.dataset.statistics import Statistics

MAX_LISTED = 60
SHEET_COLUMNS = 4
GAP_PX = 12
MAX_WIDTH_PX = 400
"""Wider images are left out of the sheets, since all columns are as wide as the widest image."""


def describe(folder: Path, shards: Path | None = None, min_labels: int = 200) -> dict[str, Any]:
    """Figures of a dataset folder, and of the shards that the pipeline made from it."""
    ledger = read_json(folder / "ledger.json", f"python -m recipes.dataset build ... -o {folder}")
    before: dict[str, Any] = next((one["before"] for one in ledger["inputs"].values() if "before" in one), {})
    whole, sources = Statistics(), {}
    for name, rows in _files(folder):
        statistics = Statistics.from_labels(row["formula"] for row in rows if row["split"] == "train")
        if statistics.lengths:
            whole.merge(statistics)
            sources[name] = statistics.summary(min_labels)
    total = whole.lengths.total()
    figures: dict[str, Any] = {
        "before": {key: value for key, value in before.items() if key != "symbols"},
        "after": whole.summary(min_labels),
        "sources": {name: {"share": round(one["labels"] / total, 4), **one} for name, one in sources.items()},
        "symbols": _coverage(whole.symbols, before.get("symbols", {}), min_labels),
    }
    if shards is not None:
        figures["images"] = _images(shards, min_labels)
    return figures


def _files(folder: Path) -> Iterator[tuple[str, Iterator[dict[str, str]]]]:
    for path in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            yield path.name.removesuffix(".jsonl.gz"), map(json.loads, file)


def _coverage(counts: Counter[str], before: Mapping[str, int], min_labels: int) -> dict[str, Any]:
    """Numbers of tokens by the number of labels that contain them."""
    rare = sorted((count, token) for token, count in counts.items() if 20 <= count < min_labels)
    return {
        f"in {min_labels} labels or more, before": sum(count >= min_labels for count in before.values()),
        f"in {min_labels} labels or more": sum(count >= min_labels for count in counts.values()),
        f"in 20 labels or more but fewer than {min_labels}": len(rare),
        "the rarest of these": {token: count for count, token in rare[:MAX_LISTED]},
    }


def _images(shards: Path, min_labels: int) -> dict[str, Any]:
    """Images of the split train by style, source and length, and tokens of their labels."""
    paths = part_paths(shards / "train", SHARDS)
    styles: Counter[str] = Counter()
    sources: Counter[str] = Counter()
    labels = Statistics()
    for path in paths:
        columns = read_table(path, ["style", "source_id", "latex"]).to_pydict()
        styles.update(columns["style"])
        sources.update((name or "").partition(":")[0] for name in columns["source_id"])
        labels.merge(Statistics.from_labels(columns["latex"]))
    total = labels.lengths.total()
    return {
        **labels.summary(min_labels),
        "styles": {name: round(count / total, 4) for name, count in sorted(styles.items())},
        "sources": {name: round(count / total, 4) for name, count in sorted(sources.items())},
        "symbols": _coverage(labels.symbols, {}, min_labels),
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
    lines += [f"{name:24}{'':10}" + _percent(source, "share") for name, source in figures["sources"].items()]
    lines += [f"{key}: {value}" for key, value in figures["symbols"].items()]
    for key, values in figures.get("images", {}).items():
        lines.append(f"images, {key}: {values}")
    return "\n".join(lines)


def _percent(values: Mapping[str, float], name: str) -> str:
    return f"{100 * values[name]:9.1f}%" if name in values else f"{'':10}"


def write_contact_sheets(render: Path, out: Path, count: int) -> dict[str, int]:
    """Write one sheet per style; returns the number of images of each.

    The images with the smallest pixel hashes are chosen, so the result does not depend on the order of the parts.
    """
    images: dict[str, list[tuple[str, bytes]]] = defaultdict(list)
    for path in part_paths(render):
        for row in read_table(path, ["style", "pixel_hash", "width", "image"]).to_pylist():
            if row["width"] <= MAX_WIDTH_PX:
                images[row["style"]].append((row["pixel_hash"], row["image"]["bytes"]))
        for first in images.values():
            first[:] = sorted(first)[:count]
    out.mkdir(parents=True, exist_ok=True)
    counts = {}
    for style, encoded in sorted(images.items()):
        chosen = [np.asarray(Image.open(io.BytesIO(data))) for _, data in encoded]
        Image.fromarray(_sheet(chosen)).save(out / f"{style}.png")
        counts[style] = len(chosen)
    return counts


def _sheet(images: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """A uint8 image (H, W) of all images, row by row."""
    width = max(image.shape[1] for image in images) + GAP_PX
    bands = []
    for start in range(0, len(images), SHEET_COLUMNS):
        row = images[start : start + SHEET_COLUMNS]
        band = np.full((max(image.shape[0] for image in row) + GAP_PX, SHEET_COLUMNS * width), PAPER, np.uint8)
        for column, image in enumerate(row):
            band[: image.shape[0], column * width : column * width + image.shape[1]] = image
        bands.append(band)
    return np.vstack(bands)
