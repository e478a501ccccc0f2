import json

import pyarrow as pa
import pytest
from pydantic import ValidationError

from im2latex.errors import InputError
from im2latex.imaging.raster import Pixels
from im2latex.records import PREDICTIONS
from im2latex.scoring.baselines import with_baselines
from im2latex.scoring.judge import judge
from im2latex.scoring.summary import SummaryParams, describe, summarize
from im2latex.scoring.text import text_scores
from tests.scoring.drawings import DrawnRenderer, drawing

PARAMS = SummaryParams(resamples=50, length_edges=(1, 6))
DOT, BAR = drawing("#"), drawing("###")
PICTURES: dict[str, Pixels | str] = {
    "a b c d": DOT,
    "a b c e": DOT,
    "x y z u v w q": BAR,
    "k": DOT,
    "? ?": "undefined_macro",
    "! !": "no_ink",
}
PREDICTED = [
    ("1", "test", "picture", "a b c d", "a b c e"),
    ("2", "test", "picture", "x y z u v w q", "x y z u v w q"),
    ("3", "test", "picture", "k", "? ?"),
    ("4", "test", "picture", "! !", ""),
    ("5", "val", "picture", "a b c d", "a b c d"),
    ("1", "test", "blank", "a b c d", "k"),
]


def scores(pictures: bool = True) -> pa.Table:
    names = ("formula_id", "split", "input", "reference", "hypothesis")
    rows = [dict(zip(names, row, strict=True)) for row in PREDICTED]
    table = with_baselines(pa.Table.from_pylist(rows, schema=PREDICTIONS), "k")
    return judge(table, DrawnRenderer(PICTURES) if pictures else None)


def test_the_headline_split_stands_on_top() -> None:
    found = summarize(scores(), PARAMS)
    test = [row for row in PREDICTED if row[1:3] == ("test", "picture")]
    expected = text_scores([row[3] for row in test], [row[4] for row in test])
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-6)
    assert found["n"] == 4
    assert (found["image_exact"], found["compiles"]) == (0.5, 0.5)
    assert found["image_edit"] == pytest.approx(1 - (0 + 0 + 1 + 1) / (1 + 3 + 1 + 1), abs=1e-6)
    assert found["failures"] == {"missing": 1, "undefined_macro": 1}
    assert found["reference_failures"] == {"no_ink": 1}


def test_every_score_has_an_interval_around_it() -> None:
    found = summarize(scores(), PARAMS)
    assert len(found["intervals"]) == 10
    for name, (low, high) in found["intervals"].items():
        assert low <= found[name] <= high


def test_splits_lengths_and_controls_are_nested() -> None:
    found = summarize(scores(), PARAMS)
    assert found["splits"]["val"]["exact"] == 1.0
    assert found["splits"]["test"]["exact"] == found["exact"]
    assert {name: block["n"] for name, block in found["by_length"].items()} == {"0-1": 1, "2-6": 2, "7+": 1}
    assert found["by_length"]["7+"]["exact"] == 1.0
    assert (found["blank"]["n"], found["blank"]["exact"]) == (1, 0.0)
    assert {name: block["exact"] for name, block in found["baselines"].items()} == {"empty": 0.0, "most_frequent": 0.25}
    assert found["baselines"]["empty"]["token_error_rate"] == 1.0


def test_without_pictures_only_text_is_published() -> None:
    found = summarize(scores(pictures=False), PARAMS)
    assert [name for name in found if name.startswith(("image", "compiles"))] == []
    assert found["failures"] == {}
    assert "bleu" in found


def test_the_summary_is_json_and_repeats_to_the_byte() -> None:
    assert json.dumps(summarize(scores(), PARAMS)) == json.dumps(summarize(scores(), PARAMS))


def test_a_missing_headline_names_the_splits_there_are() -> None:
    with pytest.raises(InputError, match="'train'; splits with predictions: test, val"):
        summarize(scores(), SummaryParams(headline="train"))


def test_describe_needs_a_row() -> None:
    with pytest.raises(InputError, match="nothing to score"):
        describe(scores().slice(0, 0), PARAMS)


@pytest.mark.parametrize("edges", [(), (5, 5), (5, 3), (-1, 4)])
def test_length_edges_must_rise(edges: tuple[int, ...]) -> None:
    with pytest.raises(ValidationError, match="rising"):
        SummaryParams(length_edges=edges)
