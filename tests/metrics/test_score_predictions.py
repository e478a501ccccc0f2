import pyarrow as pa

from im2latex.metrics.registry import METRICS
from im2latex.metrics.score_predictions import score_predictions
from im2latex.schemas import PREDICTIONS, SCORES
from tests.fakes import FakeGlyphs
from tests.metrics.drawings import DrawnRenderer, drawing

ROWS = [
    {"formula_id": "1", "split": "test", "input": "image", "reference": "x ^ 2", "hypothesis": "x ^ { 2 }"},
    {"formula_id": "2", "split": "val", "input": "blank", "reference": "y", "hypothesis": None},
]
PREDICTED = pa.Table.from_pylist(ROWS, schema=PREDICTIONS)


def test_scoring_keeps_every_row_and_fills_the_schema() -> None:
    square = drawing("#.", ".#")
    renderer = DrawnRenderer({"x ^ 2": square, "x ^ { 2 }": square, "y": drawing("#")})
    table = score_predictions(PREDICTED, renderer)
    assert table.schema == SCORES
    first, second = table.to_pylist()
    assert (first["formula_id"], first["input"], first["split"]) == ("1", "image", "test")
    assert (first["edits"], first["exact"], first["image_exact"]) == (2, False, True)
    assert (second["hypothesis"], second["edits"], second["failure"]) == ("", 1, "missing")


def test_symbols_are_compared_where_there_is_a_reader() -> None:
    table = score_predictions(PREDICTED, glyph_reader=FakeGlyphs())
    assert table.schema == SCORES
    assert table["cdm"].to_pylist() == [0.75, 0.0]
    assert table["cdm_exact"].to_pylist() == [False, False]
    assert table["cdm_strict"].to_pylist() == [0.5, 0.0], "the 2 has another position"
    assert table["compiles"].null_count == 2


def test_without_a_renderer_the_columns_of_images_are_null() -> None:
    table = score_predictions(PREDICTED)
    assert table.schema == SCORES
    stored = {column for metric in METRICS.values() if metric.needs != "text" for column in metric.columns}
    assert all(table[name].null_count == 2 for name in stored)
    assert table["edits"].to_pylist() == [2, 1]
