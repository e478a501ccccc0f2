"""Conditions are scored beside the clean images of the same formulas, and nothing that was not read is left out."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from benchmarks.robustness.making import INDEX
from benchmarks.robustness.scoring import Read, blank, constant, describe, judged, read_all
from benchmarks.robustness.sheet import draw_sheet
from benchmarks.robustness.table import by_condition, for_report, markdown
from im2latex.errors import ImageError, InputError
from im2latex.images.arrays import encode_png
from im2latex.inference.predictor import Predictor
from im2latex.io.parquet import write_table
from im2latex.types import Prediction
from tests.fakes import FakeRenderer

MADE = {name: {"kind": "", "drawn": 2, "not_drawn": {}} for name in ("clean", "noise", "font-euler")} | {
    "katex-1x": {"kind": "renderer", "unavailable": "no katex"}
}


class DarkestPredictor:
    """Reads `a` where there is ink, and refuses what has none."""

    def predict(self, images: Sequence[NDArray[np.uint8]]) -> list[Prediction]:
        return [
            Prediction(latex="a", image=image) if image.min() < 128 else Prediction(error=ImageError("blank", ""))
            for image in images
        ]


def four() -> list[Read]:
    """Clean reads of four formulas, of which the first two are right."""
    answers = {"a": "a", "b": "b", "c": "x", "d": "x"}
    return [Read("clean", name, "short", name, answer, height=20) for name, answer in answers.items()]


def test_a_condition_is_compared_with_clean_on_the_formulas_that_it_drew() -> None:
    noisy = [Read("noise", "a", "short", "a", "a", height=30), Read("noise", "c", "short", "c", "", 0, "blank")]
    clean = judged(four(), FakeRenderer())
    found = describe(judged(noisy, FakeRenderer()), clean)
    assert (found["n"], found["image_exact"]) == (2, 0.5)
    assert found["of_clean"] == 1.0  # of a and c, clean has one right too
    assert found["of_clean_of_all"] == 1.0
    assert found["not_read"] == {"blank": 1}
    assert found["size"] == pytest.approx([0.375, 0.75, 1.125])


def test_clean_compared_with_itself_is_one() -> None:
    clean = judged(four()[:2], FakeRenderer())
    found = describe(clean, clean)
    assert (found["image_exact"], found["of_clean"], found["intervals"]["of_clean"]) == (1.0, 1.0, [1.0, 1.0])


def test_the_table_marks_what_loses_more_than_a_third_and_names_what_is_missing() -> None:
    noisy = [Read("noise", "a", "short", "a", "a"), Read("noise", "b", "short", "b", "b")]
    other = [Read("font-euler", "a", "short", "a", "a"), Read("font-euler", "b", "short", "b", "x")]
    scores = by_condition(judged([*four(), *noisy, *other], FakeRenderer()), MADE)
    assert scores["unavailable"] == {"katex-1x": "no katex"}
    assert list(scores["short"]) == ["clean", "font-euler", "noise"]
    assert scores["long"] == {}
    marked = [line for line in markdown(scores["short"]).splitlines() if "(!)" in line]
    assert [line.split()[1] for line in marked] == ["font-euler"]
    report = for_report("hash", scores["short"])
    assert report["conditions"][1] == {"name": "font-euler", "n": 2, "image_exact": 0.5, "bleu": 0.0, "of_clean": 0.5}


def test_images_are_read_in_the_order_of_the_index_and_refusals_are_kept(tmp_path: Path) -> None:
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
    reader = cast(Predictor, DarkestPredictor())
    found = read_all(tmp_path, reader)
    assert [(read.id, read.hypothesis, read.height, read.problem) for read in found] == [
        ("one", "a", 20, None),
        ("two", "", 0, "blank"),
    ]
    assert [read.hypothesis for read in blank(found, reader)] == ["", ""]
    assert [read.hypothesis for read in constant(found, "y")] == ["y", "y"]
    sheet = draw_sheet(tmp_path, 3)
    assert sheet.shape[2] == 3
    assert (sheet[..., 0] > sheet[..., 1]).any()  # the reason, in red


def test_an_index_without_images_is_refused(tmp_path: Path) -> None:
    write_table(INDEX.empty_table(), tmp_path / "index.parquet")
    with pytest.raises(InputError, match=r"benchmarks\.robustness make"):
        read_all(tmp_path, cast(Predictor, DarkestPredictor()))
