import numpy as np
import pyarrow as pa
import pytest

from im2latex.metrics.registry import METRICS, PRIMARY_METRICS, aggregates, in_order, label, lower_is_better
from im2latex.metrics.score_predictions import metric_columns, score_predictions
from im2latex.metrics.text import token_counts
from im2latex.schemas import PREDICTIONS, SCORES


def test_the_counts_of_images_and_glyph_boxes_are_columns_of_the_scores() -> None:
    assert {column for one in METRICS.values() if one.needs != "text" for column in one.columns} <= set(SCORES.names)


@pytest.mark.parametrize("name", METRICS)
def test_each_metric_is_complete_and_computed_from_its_columns(name: str) -> None:
    metric = METRICS[name]
    assert metric.name == name
    assert metric.label
    assert metric.description
    columns = {column: np.array([1.0]) for column in (*token_counts("", ""), *metric.columns)}
    assert np.isfinite(metric.aggregate(columns)).all()


def test_a_metric_without_its_columns_is_left_out() -> None:
    row = {"formula_id": "1", "split": "test", "input": "image", "reference": "x", "hypothesis": "x"}
    scores = score_predictions(pa.Table.from_pylist([row], schema=PREDICTIONS))
    assert metric_columns(scores)[1].keys() == aggregates("text").keys()


def test_directions_order_and_labels() -> None:
    assert [name for name in METRICS if lower_is_better(name)] == ["token_error_rate", "cer"]
    assert lower_is_better("val_loss")
    assert lower_is_better("val_token_error")
    assert lower_is_better("val_cer")
    assert not lower_is_better("val_exact")
    assert in_order(["val_loss", "bleu", "exact"]) == ["exact", "bleu", "val_loss"]
    assert (label("bleu"), label("val_loss")) == ("BLEU-4", "val_loss")
    assert set(PRIMARY_METRICS) <= METRICS.keys()
