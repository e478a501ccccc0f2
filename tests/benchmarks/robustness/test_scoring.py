"""Conditions are compared with clean images of the same formulas, and rejected images count as wrong."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from benchmarks.robustness.dataset import INDEX, contact_sheet
from benchmarks.robustness.scoring import (
    ImagePrediction,
    compare_images,
    constant_predictions,
    markdown,
    predict_all,
    predict_blank,
    report_summary,
    score_by_condition,
    score_condition,
)
from im2latex.errors import ImageError, InputError
from im2latex.images.arrays import encode_png
from im2latex.inference.predictor import Predictor
from im2latex.io.parquet import write_table
from im2latex.types import Prediction
from tests.fakes import FakeRenderer

RENDERED = {name: {"kind": "", "rendered": 2, "failed": {}} for name in ("clean", "noise", "font-euler")} | {
    "katex-1x": {"kind": "renderer", "unavailable": "no katex"}
}


class DarkestPredictor:
    """Predicts `a` for an image with ink, and rejects a blank one."""

    def predict(self, images: Sequence[NDArray[np.uint8]]) -> list[Prediction]:
        return [
            Prediction("a", image=image, tokens=["a"])
            if image.min() < 128
            else Prediction(error=ImageError("blank", ""))
            for image in images
        ]


def four() -> list[ImagePrediction]:
    """Predictions for clean images of four formulas; the first two are right."""
    answers = {"a": "a", "b": "b", "c": "x", "d": "x"}
    return [ImagePrediction("clean", name, "short", name, answer, height=20) for name, answer in answers.items()]


def test_a_condition_is_compared_with_clean_on_the_same_formulas() -> None:
    noisy = [
        ImagePrediction("noise", "a", "short", "a", "a", height=30),
        ImagePrediction("noise", "c", "short", "c", "", 0, "blank"),
    ]
    clean = compare_images(four(), FakeRenderer())
    found = score_condition(compare_images(noisy, FakeRenderer()), clean)
    assert (found["n"], found["image_exact"]) == (2, 0.5)
    assert found["of_clean"] == 1.0  # clean has one of a and c right too
    assert found["of_clean_of_all"] == 1.0
    assert found["rejected"] == {"blank": 1}
    assert found["ink_height"] == pytest.approx([0.375, 0.75, 1.125])


def test_clean_compared_with_itself_is_one() -> None:
    clean = compare_images(four()[:2], FakeRenderer())
    found = score_condition(clean, clean)
    assert (found["image_exact"], found["of_clean"], found["intervals"]["of_clean"]) == (1.0, 1.0, [1.0, 1.0])


def test_tables_mark_large_losses_and_list_unavailable_conditions() -> None:
    noisy = [ImagePrediction("noise", "a", "short", "a", "a"), ImagePrediction("noise", "b", "short", "b", "b")]
    other = [
        ImagePrediction("font-euler", "a", "short", "a", "a"),
        ImagePrediction("font-euler", "b", "short", "b", "x"),
    ]
    scores = score_by_condition(compare_images([*four(), *noisy, *other], FakeRenderer()), RENDERED)
    assert scores["unavailable"] == {"katex-1x": "no katex"}
    assert list(scores["short"]) == ["clean", "font-euler", "noise"]
    assert scores["long"] == {}
    marked = [line for line in markdown(scores["short"]).splitlines() if "(!)" in line]
    assert [line.split()[1] for line in marked] == ["font-euler"]
    report = report_summary("hash", scores["short"])
    assert report["conditions"][1] == {"name": "font-euler", "n": 2, "image_exact": 0.5, "bleu": 0.0, "of_clean": 0.5}


def test_images_are_predicted_in_index_order_with_rejections(tmp_path: Path) -> None:
    ink, paper = np.full((30, 30), 255, np.uint8), np.full((30, 30), 255, np.uint8)
    ink[5:25, 5:25] = 0
    names = {"one": ink, "two": paper}
    rows: list[dict[str, str | None]] = []
    for name, pixels in names.items():
        (tmp_path / f"{name}.png").write_bytes(encode_png(pixels))
        place: dict[str, str | None] = {"path": f"{name}.png", "reason": None}
        rows.append(place | {"condition": "clean", "id": name, "length": "short", "formula": "a"})
    rows.append({**rows[0], "id": "three", "path": None, "reason": "not_understood"})
    write_table(pa.Table.from_pylist(rows, schema=INDEX), tmp_path / "index.parquet")
    predictor = cast(Predictor, DarkestPredictor())
    found = predict_all(tmp_path, predictor)
    assert [(one.id, one.hypothesis, one.height, one.rejected) for one in found] == [
        ("one", "a", 20, None),
        ("two", "", 0, "blank"),
    ]
    assert [one.hypothesis for one in predict_blank(found, predictor)] == ["", ""]
    assert [one.hypothesis for one in constant_predictions(found, "y")] == ["y", "y"]
    sheet = contact_sheet(tmp_path, 3)
    assert sheet.shape[2] == 3
    assert (sheet[..., 0] > sheet[..., 1]).any()  # the reason, in red


def test_an_index_without_images_is_refused(tmp_path: Path) -> None:
    write_table(INDEX.empty_table(), tmp_path / "index.parquet")
    with pytest.raises(InputError, match=r"benchmarks\.robustness make"):
        predict_all(tmp_path, cast(Predictor, DarkestPredictor()))
