import json

import pyarrow as pa
import pytest
from pydantic import ValidationError

from im2latex.errors import InputError
from im2latex.images.arrays import Pixels
from im2latex.metrics.baselines import one_changed, with_baselines
from im2latex.metrics.score_predictions import score_predictions
from im2latex.metrics.summary import EvaluateParams, summarize, summarize_splits
from im2latex.schemas import PREDICTIONS
from tests.fakes import FakeGlyphs
from tests.metrics.drawings import DrawnRenderer, drawing
from tests.metrics.text_scores import text_scores

PARAMS = EvaluateParams(resamples=50, length_edges=(1, 6))
DOT, BAR = drawing("#"), drawing("###")
IMAGES: dict[str, Pixels | str] = {
    "a b c d": DOT,
    "a b c e": DOT,
    "x y z u v w q": BAR,
    "k": DOT,
    "? ?": "undefined_macro",
    "! !": "no_ink",
}
PREDICTED = [
    ("1", "test", "image", "a b c d", "a b c e"),
    ("2", "test", "image", "x y z u v w q", "x y z u v w q"),
    ("3", "test", "image", "k", "? ?"),
    ("4", "test", "image", "! !", ""),
    ("5", "val", "image", "a b c d", "a b c d"),
    ("1", "test", "blank", "a b c d", "k"),
]


IMAGES |= {one_changed(row[3]): "undrawn" for row in PREDICTED}


def scores(images: bool = True, symbols: bool = False) -> pa.Table:
    names = ("formula_id", "split", "input", "reference", "hypothesis")
    rows = [dict(zip(names, row, strict=True)) for row in PREDICTED]
    table = with_baselines(pa.Table.from_pylist(rows, schema=PREDICTIONS), "k")
    return score_predictions(table, DrawnRenderer(IMAGES) if images else None, FakeGlyphs() if symbols else None)


def test_the_chosen_split_is_at_the_top_level() -> None:
    found = summarize_splits(scores(), PARAMS)
    test = [row for row in PREDICTED if row[1:3] == ("test", "image")]
    expected = text_scores([row[3] for row in test], [row[4] for row in test])
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-6)
    assert found["n"] == 4
    assert found["tokenizer"] == "whitespace", "the pipeline's formulas are normalized"
    assert (found["image_exact"], found["compiles"]) == (0.5, 0.5)
    assert found["image_edit"] == pytest.approx(1 - (0 + 0 + 1 + 1) / (1 + 3 + 1 + 1), abs=1e-6)
    assert found["failures"] == {"missing": 1, "undefined_macro": 1}
    assert found["reference_failures"] == {"no_ink": 1}


def test_every_score_has_an_interval_around_it() -> None:
    found = summarize_splits(scores(), PARAMS)
    assert len(found["intervals"]) == 10
    for name, (low, high) in found["intervals"].items():
        assert low <= found[name] <= high


def test_splits_lengths_and_controls_are_nested() -> None:
    found = summarize_splits(scores(), PARAMS)
    assert found["splits"]["val"]["exact"] == 1.0
    assert found["splits"]["test"]["exact"] == found["exact"]
    assert {name: block["n"] for name, block in found["by_length"].items()} == {"0-1": 1, "2-6": 2, "7+": 1}
    assert found["by_length"]["7+"]["exact"] == 1.0
    assert (found["blank"]["n"], found["blank"]["exact"]) == (1, 0.0)
    exact = {name: block["exact"] for name, block in found["baselines"].items()}
    assert exact == {"empty": 0.0, "most_frequent": 0.25, "one_changed": 0.0}
    assert found["baselines"]["one_changed"]["edit"] > 0.7
    assert found["baselines"]["empty"]["token_error_rate"] == 1.0


def test_without_images_only_text_is_published() -> None:
    found = summarize_splits(scores(images=False), PARAMS)
    assert [name for name in found if name.startswith(("image", "compiles"))] == []
    assert found["failures"] == {}
    assert "bleu" in found


def test_the_summary_is_json_and_repeats_to_the_byte() -> None:
    assert json.dumps(summarize_splits(scores(), PARAMS)) == json.dumps(summarize_splits(scores(), PARAMS))


def test_a_missing_split_names_the_splits_there_are() -> None:
    with pytest.raises(InputError, match="'train'; splits with predictions: test, val"):
        summarize_splits(scores(), EvaluateParams(split="train"))


def test_describe_needs_a_row() -> None:
    with pytest.raises(InputError, match="nothing to score"):
        summarize(scores().slice(0, 0), PARAMS)


@pytest.mark.parametrize("edges", [(), (5, 5), (5, 3), (-1, 4)])
def test_length_edges_must_rise(edges: tuple[int, ...]) -> None:
    with pytest.raises(ValidationError, match="increasing"):
        EvaluateParams(length_edges=edges)


def test_kinds_and_confused_tokens_are_those_of_the_chosen_split() -> None:
    errors = summarize_splits(scores(), PARAMS)["errors"]
    assert errors["kinds"] == {"empty": 1, "exact": 1, "same_image": 1, "no_image": 1}
    assert errors["edits"] == {"replaced": 2, "missing": 0, "extra": 1, "of_spacing": 0}
    assert ["d", "e", 1] in errors["replaced"]


def test_scores_by_feature_and_by_group() -> None:
    found = summarize_splits(scores(), PARAMS, {"1": "p", "2": "q", "3": "p", "5": "val only"})
    assert {name: block["n"] for name, block in found["by_group"].items()} == {"p": 2, "q": 1}
    assert found["by_group"]["q"]["exact"] == 1.0
    assert {name: block["n"] for name, block in found["by_feature"].items()} == {"plain": 4}
    assert "by_group" not in summarize_splits(scores(), PARAMS)


def test_only_the_largest_groups_are_listed() -> None:
    params = EvaluateParams(resamples=5, top_k=1)
    found = summarize_splits(scores(), params, {"1": "b", "2": "a"})
    assert list(found["by_group"]) == ["a"]


def test_symbols_add_their_scores_and_change_no_other() -> None:
    plain = summarize_splits(scores(), PARAMS)
    found = summarize_splits(scores(symbols=True), PARAMS)
    assert found["cdm"] == pytest.approx((0.75 + 1 + 0 + 0) / 4, abs=1e-6)
    assert found["cdm_exact"] == 0.25
    assert found["cdm_strict"] == pytest.approx((0.75 + 1 + 0 + 0) / 4, abs=1e-6)
    assert set(found["intervals"]) == set(plain["intervals"]) | {"cdm", "cdm_exact", "cdm_strict"}
    assert {name: found[name] for name in plain["intervals"]} == {name: plain[name] for name in plain["intervals"]}


def test_a_table_without_a_newer_score_has_the_others() -> None:
    old = scores(symbols=True).drop_columns(["cdm_strict"])
    found = summarize_splits(old.append_column("cdm_strict", pa.nulls(old.num_rows, pa.float64())), PARAMS)
    assert "cdm" in found
    assert "cdm_strict" not in found
