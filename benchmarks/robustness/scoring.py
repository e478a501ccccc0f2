"""Predictions and scores for each condition, compared with the condition `clean`.

reads   what `making` wrote, and a checkpoint folder

An image that could not be read counts as wrong. Scores of images compare what two texts look like in the base look,
so the reference is the formula and never the image that was read.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from benchmarks.robustness.conditions import CLEAN
from im2latex.errors import InputError
from im2latex.images.arrays import PAPER, ink_box
from im2latex.inference.predictor import Predictor
from im2latex.io.parquet import read_table
from im2latex.metrics.bootstrap import Aggregate, Column, Columns, bootstrap_intervals, mean, ratio, sum_columns
from im2latex.metrics.image import compare_renderings
from im2latex.metrics.registry import aggregates
from im2latex.metrics.text import text_columns
from im2latex.rendering.renderer import Renderer
from im2latex.types import Prediction

SCORES: Mapping[str, Aggregate] = MappingProxyType(
    {"image_exact": mean("image_exact")} | {name: aggregates("text")[name] for name in ("exact", "bleu", "edit")}
)
_DECIMALS = 4
_RESAMPLES, _SEED = 1000, 0
_AT_ONCE = 64
_INK_BELOW = 128


@dataclass(frozen=True)
class Read:
    """One image and what was read in it.

    `height` is that of the ink that the model saw, 0 where it saw none; `same` is whether both texts look alike.
    """

    condition: str
    id: str
    length: str
    reference: str
    hypothesis: str
    height: int = 0
    problem: str | None = None
    same: bool = False


def read_all(folder: Path, predictor: Predictor) -> list[Read]:
    """Every image of the index, in its order; raises `InputError` where there is none."""
    rows = [row for row in read_table(folder / "index.parquet").to_pylist() if row["path"]]
    if not rows:
        raise InputError(f"{folder}: holds no image; python -m benchmarks.robustness make FORMULAS -o {folder}")
    found: list[Read] = []
    with tqdm(total=len(rows), desc="read", disable=None) as bar:
        for start in range(0, len(rows), _AT_ONCE):
            some = rows[start : start + _AT_ONCE]
            predictions = predictor.predict([pixels(folder / row["path"]) for row in some])
            found += [_read(row, prediction) for row, prediction in zip(some, predictions, strict=True)]
            bar.update(len(some))
    return found


def blank(reads: Sequence[Read], predictor: Predictor) -> list[Read]:
    """What the checkpoint reads in empty paper, in the place of every clean image."""
    (prediction,) = predictor.predict([np.full((40, 200), PAPER, np.uint8)])
    return constant(reads, prediction.latex)


def constant(reads: Sequence[Read], hypothesis: str) -> list[Read]:
    """One formula in the place of whatever was read in the clean images."""
    return [Read(CLEAN, r.id, r.length, r.reference, hypothesis) for r in reads if r.condition == CLEAN]


def judged(reads: Sequence[Read], renderer: Renderer) -> list[Read]:
    """The same with `same` told, every distinct text drawn once."""
    found = compare_renderings(
        [read.reference for read in reads], [read.hypothesis for read in reads], renderer, progress=True
    )
    return [replace(read, same=bool(one.counts["image_exact"])) for read, one in zip(reads, found, strict=True)]


def describe(reads: Sequence[Read], clean: Sequence[Read]) -> dict[str, Any]:
    """Scores of one condition, judged, beside those of `clean`; both of one class of length.

    image_exact, exact, bleu, edit    over the formulas that the condition drew, with `n` and `intervals`
    of_clean            image_exact as a share of that of `clean` on the same formulas, with an interval of its own
    of_clean_of_all     the same as a share of that of `clean` on all formulas
    size                height of the ink that the model saw, as a share of that in `clean`: quartiles
    not_read            how many images were refused, by reason
    """
    of_clean = {read.id: read for read in clean}
    beside = [of_clean[read.id] for read in reads]
    columns = text_columns([read.reference for read in reads], [read.hypothesis for read in reads])
    columns |= {"image_exact": _same(reads), "clean": _same(beside)}
    scores = {**SCORES, "of_clean": _of_clean}
    sums, bounds = sum_columns(columns), bootstrap_intervals(columns, scores, _RESAMPLES, _SEED)
    values = {name: _rounded(score(sums)[0]) for name, score in scores.items()}
    on_all = _same(clean).mean()
    sizes = [read.height / other.height for read, other in zip(reads, beside, strict=True) if other.height]
    return values | {
        "n": len(reads),
        "of_clean_of_all": _rounded(values["image_exact"] / on_all if on_all else 0.0),
        "size": [_rounded(part) for part in np.quantile(sizes, [0.25, 0.5, 0.75])] if sizes else None,
        "not_read": dict(sorted(Counter(read.problem for read in reads if read.problem).items())),
        "intervals": {name: [_rounded(low), _rounded(high)] for name, (low, high) in bounds.items()},
    }


def pixels(path: Path) -> NDArray[np.uint8]:
    """An image as it lies on disk: (H, W), (H, W, 3) or (H, W, 4)."""
    with Image.open(path) as image:
        return np.array(image)


def _read(row: Mapping[str, str], prediction: Prediction) -> Read:
    box = None if prediction.image is None else ink_box(prediction.image, _INK_BELOW)
    problem = prediction.error.reason if prediction.error else None
    height = box[1] - box[0] if box else 0
    return Read(row["condition"], row["id"], row["length"], row["formula"], prediction.latex, height, problem)


def _same(reads: Sequence[Read]) -> Column:
    return np.array([read.same for read in reads], np.float64)


def _of_clean(sums: Columns) -> Column:
    return ratio(sums["image_exact"], sums["clean"], empty=0.0)


def _rounded(value: float) -> float:
    return round(float(value), _DECIMALS)
