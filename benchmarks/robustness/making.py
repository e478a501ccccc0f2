"""Images of the held-out formulas in every condition.

writes  DIR/<condition>/<formula_id>.png
        DIR/index.parquet   a row for each condition and formula: condition, id, length, formula, path or reason
        DIR/made.json       the sample, and for each condition how many it drew and why not the others

The same file, numbers and seed give the same bytes under the same tools. A condition that cannot draw a formula says
so by a reason; one whose renderer is missing is named `unavailable`, and the others are made without it.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from tqdm import tqdm

from benchmarks.robustness.browser import Page
from benchmarks.robustness.conditions import Condition, Source
from benchmarks.robustness.effects import Pixels
from benchmarks.robustness.sample import HeldOut
from im2latex.errors import InputError, ToolError
from im2latex.images.arrays import encode_png
from im2latex.io.parquet import write_table
from im2latex.rendering.renderer import Rendering

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


def make(
    formulas: Sequence[HeldOut], conditions: Sequence[Condition], out: Path, seed: int, engines: Path
) -> dict[str, Any]:
    """Write the images and the index; returns what became of each condition."""
    rows: list[dict[str, str | None]] = []
    made: dict[str, Any] = {}
    drawn: dict[Source, list[Rendering] | ToolError] = {}
    for condition in tqdm(conditions, "draw", disable=None):
        if condition.source not in drawn:
            drawn[condition.source] = _draw(condition.source, [one.formula for one in formulas], engines)
        renderings = drawn[condition.source]
        if isinstance(renderings, ToolError):
            made[condition.name] = {"kind": condition.kind, "unavailable": str(renderings)}
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
            path.write_bytes(encode_png(happened(rendering.pixels, condition, f"{seed} {condition.name} {one.id}")))
            rows.append(row | {"path": str(path.relative_to(out)), "reason": None})
        made[condition.name] = {
            "kind": condition.kind,
            "drawn": len(formulas) - reasons.total(),
            "not_drawn": dict(sorted(reasons.items())),
        }
    write_table(pa.Table.from_pylist(rows, schema=INDEX), out / "index.parquet")
    return made


def happened(image: Pixels, condition: Condition, name: str) -> Pixels:
    """The image after all effects of the condition; what they draw by lot depends on `name` alone."""
    random = np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]))
    for effect in condition.effects:
        image = effect(image, random)
    return image


def save_made(out: Path, made: dict[str, Any]) -> None:
    """Write DIR/made.json."""
    (out / "made.json").write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")


def load_made(folder: Path) -> dict[str, Any]:
    """Read it; raises `InputError` where there is none."""
    path = folder / "made.json"
    if not path.is_file():
        raise InputError(f"{path}: no such file; python -m benchmarks.robustness make FORMULAS -o {folder}")
    made: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return made


def _draw(source: Source, formulas: Sequence[str], engines: Path) -> list[Rendering] | ToolError:
    try:
        return source.draw(formulas, engines) if isinstance(source, Page) else source.draw(formulas)
    except ToolError as error:
        return error
