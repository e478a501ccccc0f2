"""Predictions and scores for each condition, compared with the condition `clean`, and their tables.

reads   a test set (benchmarks.robustness.dataset), and a checkpoint

A rejected image counts as wrong. Image metrics render reference and prediction in the base style, so they compare
formulas and not the input image.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from benchmarks.robustness.conditions import CLEAN, CONDITIONS
from benchmarks.robustness.dataset import LENGTHS
from im2latex.errors import InputError
from im2latex.images.arrays import PAPER, ink_box
from im2latex.inference.predictor import Predictor
from im2latex.io.parquet import read_table
from im2latex.metrics.bootstrap import Aggregate, Column, Columns, bootstrap_intervals, ratio, sum_columns
from im2latex.metrics.image import compare_renderings
from im2latex.metrics.registry import METRICS
from im2latex.metrics.text import text_columns
from im2latex.rendering.renderer import Renderer
from im2latex.reporting.tables import markdown_table
from im2latex.types import Prediction

AGGREGATES: Mapping[str, Aggregate] = MappingProxyType(
    {name: METRICS[name].aggregate for name in ("image_exact", "exact", "bleu", "edit")}
)
_DECIMALS = 4
_RESAMPLES, _SEED = 1000, 0
_BATCH_SIZE = 64
_INK_BELOW = 128
MAX_LOSS = 1 / 3
"""The tables mark a condition that loses a larger share of the `image_exact` of clean images."""


@dataclass(frozen=True)
class ImagePrediction:
    """The prediction for one image.

    `height` is the ink height of the model input, 0 without ink; `image_exact` is whether the prediction renders the
    same image as the reference.
    """

    condition: str
    id: str
    length: str
    reference: str
    hypothesis: str
    height: int = 0
    rejected: str | None = None
    image_exact: bool = False


def predict_all(folder: Path, predictor: Predictor) -> list[ImagePrediction]:
    """Predict every image of the index, in its order; raises `InputError` if there is none."""
    rows = [row for row in read_table(folder / "index.parquet").to_pylist() if row["path"]]
    if not rows:
        raise InputError(f"{folder}: no images; run python -m benchmarks.robustness make FORMULAS -o {folder}")
    found: list[ImagePrediction] = []
    with tqdm(total=len(rows), desc="predict", disable=None) as bar:
        for start in range(0, len(rows), _BATCH_SIZE):
            batch = rows[start : start + _BATCH_SIZE]
            predictions = predictor.predict([pixels(folder / row["path"]) for row in batch])
            found += [_image_prediction(row, prediction) for row, prediction in zip(batch, predictions, strict=True)]
            bar.update(len(batch))
    return found


def predict_blank(predictions: Sequence[ImagePrediction], predictor: Predictor) -> list[ImagePrediction]:
    """The prediction for a blank image, in place of each prediction for a clean image."""
    (prediction,) = predictor.predict([np.full((40, 200), PAPER, np.uint8)])
    return constant_predictions(predictions, " ".join(prediction.tokens))


def constant_predictions(predictions: Sequence[ImagePrediction], hypothesis: str) -> list[ImagePrediction]:
    """One formula in place of each prediction for a clean image."""
    return [
        ImagePrediction(CLEAN, one.id, one.length, one.reference, hypothesis)
        for one in predictions
        if one.condition == CLEAN
    ]


def compare_images(predictions: Sequence[ImagePrediction], renderer: Renderer) -> list[ImagePrediction]:
    """The predictions with `image_exact` set; every distinct formula is rendered once."""
    references, hypotheses = [one.reference for one in predictions], [one.hypothesis for one in predictions]
    compared = compare_renderings(references, hypotheses, renderer, progress=True)
    return [
        replace(one, image_exact=bool(pair.counts["image_exact"]))
        for one, pair in zip(predictions, compared, strict=True)
    ]


def score_condition(predictions: Sequence[ImagePrediction], clean: Sequence[ImagePrediction]) -> dict[str, Any]:
    """Scores of one condition, compared with those of `clean`; both of one length class, with `image_exact` set.

    image_exact, exact, bleu, edit    over the formulas that the condition renders, with `n` and `intervals`
    of_clean            image_exact relative to `clean` on the same formulas, with an interval
    of_clean_of_all     image_exact relative to `clean` on all formulas
    ink_height          ink height of the model input relative to `clean`: quartiles
    rejected            number of rejected images by reason
    """
    clean_by_id = {one.id: one for one in clean}
    paired = [clean_by_id[one.id] for one in predictions]
    columns = text_columns([one.reference for one in predictions], [one.hypothesis for one in predictions])
    columns |= {"image_exact": _image_exact(predictions), "clean": _image_exact(paired)}
    scores = {**AGGREGATES, "of_clean": _of_clean}
    sums, bounds = sum_columns(columns), bootstrap_intervals(columns, scores, _RESAMPLES, _SEED)
    values = {name: _rounded(score(sums)[0]) for name, score in scores.items()}
    on_all = _image_exact(clean).mean()
    heights = [one.height / other.height for one, other in zip(predictions, paired, strict=True) if other.height]
    return values | {
        "n": len(predictions),
        "of_clean_of_all": _rounded(values["image_exact"] / on_all if on_all else 0.0),
        "ink_height": [_rounded(part) for part in np.quantile(heights, [0.25, 0.5, 0.75])] if heights else None,
        "rejected": dict(sorted(Counter(one.rejected for one in predictions if one.rejected).items())),
        "intervals": {name: [_rounded(low), _rounded(high)] for name, (low, high) in bounds.items()},
    }


def score_by_condition(predictions: Iterable[ImagePrediction], rendered: Mapping[str, Any]) -> dict[str, Any]:
    """{length: {condition: scores}} in the order of `CONDITIONS`, and `unavailable` with the missing ones.

    `rendered` are the conditions of the summary of the test set; `failed` counts both length classes together.
    """
    groups: dict[tuple[str, str], list[ImagePrediction]] = {}
    for one in predictions:
        groups.setdefault((one.length, one.condition), []).append(one)
    return {
        length: {
            condition.name: {"kind": condition.kind}
            | score_condition(groups[length, condition.name], groups[length, CLEAN])
            | {"failed": rendered[condition.name]["failed"]}
            for condition in CONDITIONS
            if (length, condition.name) in groups
        }
        for length in LENGTHS
    } | {"unavailable": {name: one["unavailable"] for name, one in rendered.items() if "unavailable" in one}}


def markdown(scores: Mapping[str, Mapping[str, Any]]) -> str:
    """Markdown table of one length class, a row per condition; large losses are marked with (!)."""
    header = ["Condition", "n", "image_exact", "95 %", "of clean", "exact", "BLEU", "edit", "ink height", "rejected"]
    return markdown_table(header, (_row(name, one) for name, one in scores.items()))


def _row(name: str, one: Mapping[str, Any]) -> Sequence[str]:
    low, high = one["intervals"]["image_exact"]
    mark = " (!)" if one["of_clean"] < 1 - MAX_LOSS else ""
    height = f"{one['ink_height'][1]:.2f}" if one["ink_height"] else "–"
    numbers = [f"{one['image_exact']:.3f}", f"{low:.3f} – {high:.3f}", f"{one['of_clean']:.2f}{mark}"]
    numbers += [f"{one[score]:.3f}" for score in ("exact", "bleu", "edit")]
    return [name, f"{one['n']}", *numbers, height, f"{sum(one['rejected'].values())}"]


def report_summary(checkpoint: str, scores: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Content of reports/robustness.json."""
    names = ("n", "image_exact", "bleu", "of_clean")
    return {
        "checkpoint": checkpoint,
        "conditions": [{"name": name} | {key: one[key] for key in names} for name, one in scores.items()],
    }


def pixels(path: Path) -> NDArray[np.uint8]:
    """Pixels of an image file: (H, W), (H, W, 3) or (H, W, 4)."""
    with Image.open(path) as image:
        return np.array(image)


def _image_prediction(row: Mapping[str, str], prediction: Prediction) -> ImagePrediction:
    box = None if prediction.image is None else ink_box(prediction.image, _INK_BELOW)
    rejected = prediction.error.reason if prediction.error else None
    height = box[1] - box[0] if box else 0
    place = (row["condition"], row["id"], row["length"])
    return ImagePrediction(*place, row["formula"], " ".join(prediction.tokens), height, rejected)


def _image_exact(predictions: Sequence[ImagePrediction]) -> Column:
    return np.array([one.image_exact for one in predictions], np.float64)


def _of_clean(sums: Columns) -> Column:
    return ratio(sums["image_exact"], sums["clean"], empty=0.0)


def _rounded(value: float) -> float:
    return round(float(value), _DECIMALS)
