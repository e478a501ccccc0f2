from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from im2latex.metrics.registry import METRICS
from im2latex.metrics.score_predictions import score_predictions
from im2latex.rendering.renderer import Rendering
from im2latex.schemas import PREDICTIONS, SCORES
from tests.fakes import FakeGlyphs, FakeRenderer
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


class CountingRenderer(FakeRenderer):
    def __init__(self) -> None:
        self.drawn: Counter[str] = Counter()

    def render(self, formulas: Sequence[str]) -> list[Rendering]:
        self.drawn.update(formulas)
        return super().render(formulas)


FORMULAS = st.sampled_from(["x", "y", "x y", r"\broken", "", None])


@given(rows=st.lists(st.tuples(FORMULAS, FORMULAS), max_size=12), cuts=st.sets(st.integers(0, 12)))
@pytest.mark.parametrize("at_once", [1, 2])
def test_rows_are_scored_alike_however_few_references_at_once(
    at_once: int, rows: list[tuple[str | None, str | None]], cuts: set[int]
) -> None:
    table = pa.Table.from_pylist(
        [
            {"formula_id": str(number), "split": "test", "input": "image", "reference": one, "hypothesis": other}
            for number, (one, other) in enumerate(rows)
        ],
        schema=PREDICTIONS,
    )
    bounds = [0, *sorted(cuts), len(rows)]
    chunked = pa.concat_tables(table.slice(a, b - a) for a, b in pairwise(bounds) if b >= a)
    whole = score_predictions(table, FakeRenderer(), FakeGlyphs())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("im2latex.metrics.score_predictions.REFERENCES_AT_ONCE", at_once)
        found = score_predictions(chunked, FakeRenderer(), FakeGlyphs())
    assert found.schema == SCORES
    assert found.to_pylist() == whole.to_pylist()


def test_each_reference_is_drawn_once_for_all_its_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("im2latex.metrics.score_predictions.REFERENCES_AT_ONCE", 2)
    rows = [
        {"formula_id": str(number), "split": "test", "input": name, "reference": f"x _ {number}", "hypothesis": name}
        for name in ("image", "blank", "empty")
        for number in range(6)
    ]
    renderer = CountingRenderer()
    score_predictions(pa.Table.from_pylist(rows, schema=PREDICTIONS), renderer)
    assert {renderer.drawn[f"x _ {number}"] for number in range(6)} == {1}
