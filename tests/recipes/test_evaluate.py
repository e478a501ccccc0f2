"""A project trained and examined without DVC, with a renderer that needs no TeX."""

import io
import json
import signal
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from im2latex.io.parquet import read_table
from im2latex.training.checkpoint import load_checkpoint
from recipes import evaluate, fit
from tests.fakes import FakeRenderer
from tests.pipeline.conftest import run


@pytest.fixture
def prepared(project: Path, set_params: Callable[[dict[str, Any]], None], monkeypatch: pytest.MonkeyPatch) -> Path:
    set_params({"train": {"accelerator": "cpu", "budget": {"minutes": 1}}})
    run("normalize", "render", "tokenize", "filter", "bucket")
    monkeypatch.setattr("pipeline.dataset_images.create_renderer", lambda params: FakeRenderer())
    monkeypatch.setattr(evaluate, "project_renderer", FakeRenderer)
    monkeypatch.setattr(evaluate, "SPEED_SECONDS", 0.1)
    monkeypatch.setattr(evaluate, "BATCH_SIZES", [2])
    Path("sets").mkdir()
    Path("sets/own.txt").write_text("x ^ 2\n\\broken\nx^{2}\n\\frac a b\n", encoding="utf-8")
    return project


def test_bold_is_counted_where_it_is_and_where_it_is_not() -> None:
    references = ["x", "\\mathbf { x }", "\\mathbf { y }", "a + b + c", "\\mathbf { x } + 1"]
    hypotheses = ["\\mathbf { x }", "\\boldsymbol { x }", "y", "a + b + c", ""]
    found = evaluate._by_length(references, hypotheses, FakeRenderer())
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


def test_a_trained_model_is_examined(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state, out = prepared / "state", prepared / "out"
    out.mkdir()
    told: list[str] = []

    def echo(text: str, err: bool = False) -> None:
        told.append(text)
        if len(told) == 1:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("recipes.fit.typer.echo", echo)
    with pytest.raises(SystemExit) as caught:
        fit.main(state)
    assert caught.value.code == 1
    assert "stopped by SIGTERM" in told[-1]
    assert (state / "state.pt").is_file()
    assert not Path("data/train").exists()
    fit.main(state)
    rows = [json.loads(line) for line in (state / "curve.jsonl").read_text().splitlines()]
    assert [row["samples"] for row in rows] == sorted({row["samples"] for row in rows})
    assert rows[-1]["samples"] >= 96

    evaluate.main(out)
    results = json.loads((out / "results.json").read_text())
    assert results["counts"]["samples"] == rows[-1]["samples"]
    assert results["speed"]["trained_per_second"] > 0
    assert results["scores"]["own"]["not_drawn"] == 1
    assert results["scores"]["own"]["normal_form"]["n"] == results["scores"]["own"]["as_given"]["n"] == 4
    assert "image_exact" in results["scores"]["own"]["as_given"]
    assert results["scores"]["own"]["by_length"]["4-12"]["samples"] == 3
    assert results["scores"]["own"]["by_length"]["4-12"]["bold_recall"] is None
    read = read_table(out / "predictions.parquet").to_pylist()
    assert [row["label"] for row in read] == ["x ^ 2", "\\broken", "x^{2}", "\\frac a b"]
    assert read[0]["reference"] == read[2]["reference"] == "x ^ { 2 }"
    assert read[1]["hypothesis"] == ""

    content = b"".join(path.read_bytes() for path in sorted(out.glob("weights.*")))
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        archive.extractall(prepared / "back")
    kept, whole = load_checkpoint(prepared / "back" / "checkpoint"), load_checkpoint(Path("data/train"))
    for name, weight in whole.network.state_dict().items():
        torch.testing.assert_close(kept.network.state_dict()[name].float(), weight.float(), rtol=1e-2, atol=1e-2)
