"""A project trained and scored without DVC, with a renderer that needs no TeX."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from im2latex.io.parquet import read_table
from im2latex.training.checkpoint import load_checkpoint
from recipes import evaluate
from tests.fakes import FakeRenderer
from tests.pipeline.conftest import run


@pytest.fixture
def prepared(project: Path, set_params: Callable[[dict[str, Any]], None], monkeypatch: pytest.MonkeyPatch) -> Path:
    set_params({"trainer": {"accelerator": "cpu"}, "train": {"budget": {"minutes": 1}}})
    run("normalize", "render", "tokenize", "filter", "bucket")
    monkeypatch.setattr("im2latex.rendering.dataset_images.create_renderer", lambda params: FakeRenderer())
    monkeypatch.setattr(evaluate, "project_renderer", FakeRenderer)
    Path("sets").mkdir()
    Path("sets/own.txt").write_text("x ^ 2\n\\broken\nx^{2}\n\\frac a b\n", encoding="utf-8")
    return project


def test_bold_rates_by_length() -> None:
    references = ["x", "\\mathbf { x }", "\\mathbf { y }", "a + b + c", "\\mathbf { x } + 1"]
    hypotheses = ["\\mathbf { x }", "\\boldsymbol { x }", "y", "a + b + c", ""]
    found = evaluate._score_by_length(references, hypotheses, FakeRenderer())
    assert found["1-3"]["bold_invented"] == 1.0
    assert found["4-12"] | {"bleu": 0} == found["4-12"] | {
        "bleu": 0,
        "samples": 4,
        "exact": 0.25,
        "bold_invented": 0.0,
        "bold_recall": 1 / 3,
        "bold_labels": 3,
    }
    assert set(found) == {"1-3", "4-12"}


def test_a_trained_model_is_scored_on_every_set(prepared: Path) -> None:
    run("train")
    out = prepared / "out"
    evaluate.main(out, Path("data/train"))
    results = json.loads((out / "results.json").read_text())
    assert results["counts"] == load_checkpoint(Path("data/train")).counts
    own = results["scores"]["own"]
    assert own["not_drawn"] == 1
    assert own["normal_form"]["n"] == own["as_given"]["n"] == 4
    assert "image_exact" in own["as_given"]
    assert own["by_length"]["4-12"]["samples"] == 3
    assert own["by_length"]["4-12"]["bold_recall"] is None
    read = read_table(out / "predictions.parquet").to_pylist()
    assert [row["label"] for row in read] == ["x ^ 2", "\\broken", "x^{2}", "\\frac a b"]
    assert read[0]["reference"] == read[2]["reference"] == "x ^ { 2 }"
    assert read[1]["hypothesis"] == ""
