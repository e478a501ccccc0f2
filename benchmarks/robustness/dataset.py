"""Robustness test set: sample of held-out formulas, rendered in every condition, and its contact sheet.

writes  DIR/<condition>/<formula_id>.png
        DIR/index.parquet   a row for each condition and formula: condition, id, length, formula, path or reason
        DIR/summary.json    the sample, and for each condition the number of images, and of failures by reason

The sample is seeded. It skips the first lines of the file, which may be used elsewhere. The same file, counts and seed
give the same bytes with the same tools. A formula that a condition cannot render has a reason in the index. A condition
whose renderer is missing is marked `unavailable`, and the others are rendered without it.
"""

import hashlib
import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from tqdm import tqdm

from benchmarks.robustness.browser import BrowserRenderer
from benchmarks.robustness.conditions import Condition, Source
from benchmarks.robustness.effects import Pixels
from im2latex.dataset.readers.files import read_file
from im2latex.errors import InputError, LatexError, ToolError
from im2latex.images.arrays import PAPER, encode_png
from im2latex.io.parquet import read_table, write_table
from im2latex.latex.normalizer import Normalizer, NormalizerParams
from im2latex.rendering.renderer import Renderer, Rendering
from im2latex.schemas import formula_id
from im2latex.types import RawFormula

LENGTHS: Mapping[str, tuple[int, int]] = MappingProxyType({"short": (3, 45), "long": (46, 100)})
"""Fewest and most tokens of each length class."""
_RENDER_BATCH = 100
_CELL, _NAME, _GAP = (420, 90), 170, 6
_BACKGROUND = (208, 224, 208)  # visible through transparent images
INDEX = pa.schema(
    [
        ("condition", pa.string()),
        ("id", pa.string()),
        ("length", pa.string()),
        ("formula", pa.string()),
        ("path", pa.string()),
        ("reason", pa.string()),
    ]
)


@dataclass(frozen=True)
class HeldOutFormula:
    """A normalized formula and its length class; the id is `schemas.formula_id`."""

    id: str
    length: str
    formula: str


def sample_formulas(
    path: Path, counts: Mapping[str, int], skip: int, seed: int, renderer: Renderer
) -> tuple[list[HeldOutFormula], dict[str, int]]:
    """Sample distinct formulas of each length class; returns them, and the number of skipped ones by reason.

    Skipped are formulas that the normalizer refuses, duplicates, other lengths, and those that do not render in the
    base style, in which the scores compare. Raises `InputError` if the file has too few.
    """
    skipped: Counter[str] = Counter()
    found: dict[str, list[HeldOutFormula]] = {name: [] for name in LENGTHS}
    candidates = _candidates(path, skip, seed, skipped)
    while any(len(found[name]) < counts.get(name, 0) for name in found):
        batch = list(islice(candidates, _RENDER_BATCH))
        if not batch:
            shortage = ", ".join(f"{len(found[name])} of {count} {name}" for name, count in counts.items())
            raise InputError(f"{path}: too few formulas after line {skip}: {shortage}; lower the count or --skip")
        needed = [one for one in batch if len(found[one.length]) < counts.get(one.length, 0)]
        for one, rendering in zip(needed, renderer.render([one.formula for one in needed]), strict=True):
            if rendering.pixels is None:
                skipped[f"render_{rendering.reason}"] += 1
            elif len(found[one.length]) < counts[one.length]:
                found[one.length].append(one)
    return [one for group in found.values() for one in group], dict(sorted(skipped.items()))


def _candidates(path: Path, skip: int, seed: int, skipped: Counter[str]) -> Iterator[HeldOutFormula]:
    """Distinct normalized formulas of a length class, in random order; counts the skipped ones."""
    rows = [row.formula for row in islice(read_file(path), skip, None) if isinstance(row, RawFormula)]
    random.Random(seed).shuffle(rows)
    normalizer = Normalizer(NormalizerParams())
    seen: set[str] = set()
    for raw in rows:
        try:
            text = normalizer.normalize(raw)
        except LatexError as error:
            skipped[error.reason] += 1
            continue
        tokens = len(text.split())
        length = next((name for name, (low, high) in LENGTHS.items() if low <= tokens <= high), None)
        if length is None or text in seen:
            skipped["duplicate" if length else "length"] += 1
            continue
        seen.add(text)
        yield HeldOutFormula(formula_id(text), length, text)


def render_test_set(
    formulas: Sequence[HeldOutFormula], conditions: Sequence[Condition], out: Path, seed: int, engines: Path
) -> dict[str, Any]:
    """Write images and index; returns for each condition the number of images, and of failures by reason."""
    rows: list[dict[str, str | None]] = []
    summary: dict[str, Any] = {}
    rendered: dict[Source, list[Rendering] | ToolError] = {}
    for condition in tqdm(conditions, "render", disable=None):
        if condition.source not in rendered:
            rendered[condition.source] = _render(condition.source, [one.formula for one in formulas], engines)
        renderings = rendered[condition.source]
        if isinstance(renderings, ToolError):
            summary[condition.name] = {"kind": condition.kind, "unavailable": str(renderings)}
            continue
        folder = out / condition.name
        folder.mkdir(parents=True, exist_ok=True)
        reasons: Counter[str] = Counter()
        for one, rendering in zip(formulas, renderings, strict=True):
            row: dict[str, str | None] = {"condition": condition.name, "id": one.id}
            row |= {"length": one.length, "formula": one.formula}
            if rendering.pixels is None:
                reasons[rendering.reason or "unnamed"] += 1
                rows.append(row | {"path": None, "reason": rendering.reason})
                continue
            path = folder / f"{one.id}.png"
            path.write_bytes(
                encode_png(apply_effects(rendering.pixels, condition, f"{seed} {condition.name} {one.id}"))
            )
            rows.append(row | {"path": str(path.relative_to(out)), "reason": None})
        summary[condition.name] = {
            "kind": condition.kind,
            "rendered": len(formulas) - reasons.total(),
            "failed": dict(sorted(reasons.items())),
        }
    write_table(pa.Table.from_pylist(rows, schema=INDEX), out / "index.parquet")
    return summary


def apply_effects(image: Pixels, condition: Condition, name: str) -> Pixels:
    """Apply the effects of a condition; `name` is the seed of the random ones."""
    random = np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]))
    for effect in condition.effects:
        image = effect(image, random)
    return image


def save_summary(out: Path, summary: dict[str, Any]) -> None:
    """Write DIR/summary.json."""
    (out / "summary.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")


def load_summary(folder: Path) -> dict[str, Any]:
    """Load DIR/summary.json; raises `InputError` if it is missing."""
    path = folder / "summary.json"
    if not path.is_file():
        raise InputError(f"{path}: no such file; run python -m benchmarks.robustness make FORMULAS -o {folder}")
    summary: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return summary


def _render(source: Source, formulas: Sequence[str], engines: Path) -> list[Rendering] | ToolError:
    try:
        return source.render(formulas, engines) if isinstance(source, BrowserRenderer) else source.render(formulas)
    except ToolError as error:
        return error


def contact_sheet(folder: Path, count: int) -> NDArray[np.uint8]:
    """Contact sheet (H, W, 3) of the first `count` formulas, a row per condition; larger images are scaled down."""
    rows = read_table(folder / "index.parquet").to_pylist()
    names = list(dict.fromkeys(row["condition"] for row in rows))
    ids = list(dict.fromkeys(row["id"] for row in rows))[:count]
    width, height = _CELL
    sheet = Image.new("RGB", (_NAME + count * (width + _GAP), len(names) * (height + _GAP)), (PAPER, PAPER, PAPER))
    draw = ImageDraw.Draw(sheet)
    for line, name in enumerate(names):
        draw.text((4, line * (height + _GAP) + height // 2), name, fill=(0, 0, 0))
    for row in rows:
        if row["id"] not in ids:
            continue
        left, top = _NAME + ids.index(row["id"]) * (width + _GAP), names.index(row["condition"]) * (height + _GAP)
        draw.rectangle((left, top, left + width, top + height), fill=_BACKGROUND)
        if row["path"] is None:
            draw.text((left + 8, top + height // 2), row["reason"], fill=(160, 0, 0))
            continue
        with Image.open(folder / row["path"]) as image:
            thumbnail = image.convert("RGBA")
        thumbnail.thumbnail(_CELL, Image.Resampling.LANCZOS)
        sheet.paste(thumbnail, (left, top), thumbnail)
    return np.array(sheet)
