"""What every score makes of the cases that scores are usually silent about, on real images and symbols."""

from typing import Any

import pyarrow as pa
import pytest

from im2latex.metrics.cdm import compare_glyphs
from im2latex.metrics.score_predictions import score_predictions
from im2latex.metrics.summary import EvaluateParams, summarize
from im2latex.rendering.document import TemplateParams
from im2latex.rendering.glyph_boxes.reader import TexGlyphReader
from im2latex.rendering.renderer import RenderParams, TexRenderer
from im2latex.schemas import PREDICTIONS

pytestmark = pytest.mark.needs_tex

TEMPLATE = TemplateParams(extra_preamble=r"\def\forever{\forever}")
PARAMS = RenderParams(rasterizer="pdfium", timeout_seconds=1, template=TEMPLATE)
RENDERER, READER = TexRenderer(PARAMS), TexGlyphReader(PARAMS)
WORST = {"bleu": 0, "edit": 0, "exact": 0}
NO_IMAGE = dict.fromkeys(
    ("image_exact", "image_match", "image_match_nospace", "image_edit", "cdm", "cdm_exact", "cdm_strict", "compiles"), 0
)
RIGHT_IMAGE = dict.fromkeys(NO_IMAGE, 1)
SUM = "a + b + c + d"


def scores(*pairs: tuple[str, str | None]) -> dict[str, Any]:
    rows = [
        {"formula_id": "1", "split": "test", "input": "image", "reference": reference, "hypothesis": hypothesis}
        for reference, hypothesis in pairs
    ]
    table = score_predictions(pa.Table.from_pylist(rows, schema=PREDICTIONS), RENDERER, READER)
    return summarize(table, EvaluateParams(resamples=5))


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected", "failure"),
    [
        pytest.param(SUM, "", WORST | NO_IMAGE | {"token_error_rate": 1, "cer": 1}, "missing", id="empty"),
        pytest.param(SUM, None, WORST | NO_IMAGE, "missing", id="missing"),
        pytest.param(SUM, r"a + b + \frac { c", NO_IMAGE, "unbalanced", id="does not compile"),
        pytest.param(SUM, r"\input { c } + b", NO_IMAGE, "not_allowed", id="not allowed"),
        pytest.param(SUM, r"\nosuch + b", NO_IMAGE, "not_allowed", id="undefined"),
        pytest.param(SUM, r"\ ", NO_IMAGE, "blank", id="blank"),
        pytest.param(SUM, f"  {SUM.replace(' ', '   ')} ", RIGHT_IMAGE | {"exact": 1, "cer": 0}, None, id="whitespace"),
        pytest.param(
            r"\frac a b x ^ 2", r"\frac { a } { b } x ^ { 2 }", RIGHT_IMAGE | {"exact": 0}, None, id="same image"
        ),
        pytest.param(SUM, f"{SUM} e f g h", {"image_exact": 0, "image_match": 1, "cdm_exact": 0}, None, id="extra ink"),
        pytest.param(f"{SUM} e f g h", SUM, {"image_exact": 0, "image_match": 0, "cdm_exact": 0}, None, id="ink lost"),
        pytest.param("x ^ { a }", "x ^ { b }", {"image_exact": 0, "cdm": 0.5}, None, id="one symbol"),
    ],
)
def test_predictions(reference: str, hypothesis: str | None, expected: dict[str, float], failure: str | None) -> None:
    found = scores((reference, hypothesis))
    assert {name: found[name] for name in expected} == expected
    assert found["failures"] == ({failure: 1} if failure else {})
    assert found["reference_failures"] == {}


def test_a_prediction_that_hangs_is_stopped_and_wrong() -> None:
    # Symbols only: that images of such a formula end with the reason `timeout` is a test of the renderer.
    found = compare_glyphs([SUM, SUM], [r"\forever", SUM], READER)
    assert [(one["cdm"], one["cdm_strict"]) for one in found] == [(0.0, 0.0), (1.0, 1.0)]


@pytest.mark.parametrize(
    ("reference", "reason"), [("", "missing"), (r"\nosuch", "not_allowed"), (r"\input { x }", "not_allowed")]
)
def test_a_reference_without_image_is_counted_and_named(reference: str, reason: str) -> None:
    found = scores((reference, "x"), ("x", "x"))
    assert found["n"] == 2
    assert {name: found[name] for name in NO_IMAGE} == RIGHT_IMAGE | {
        name: 0.5 for name in NO_IMAGE if name not in ("compiles", "image_edit")
    } | {"image_edit": found["image_edit"]}
    assert found["image_edit"] < 1
    assert found["compiles"] == 1
    assert found["reference_failures"] == {reason: 1}


def test_nothing_for_nothing_is_no_success() -> None:
    found = scores(("", ""), ("x", "x"))
    assert (found["exact"], found["image_exact"], found["cdm"], found["cdm_exact"]) == (0.5, 0.5, 0.5, 0.5)
