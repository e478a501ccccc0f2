"""A long training in several runs: larger budgets, a decay branch, and exported weights."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file

from im2latex.config import check, merge
from im2latex.dataset.vocabulary import Vocabulary
from im2latex.io.project_cache import state_root
from im2latex.training.checkpoint import load_checkpoint
from im2latex.training.config import TrainParams
from pipeline.paths import ROOT
from recipes.cpu import train as train_cpu
from tests.toy_fixtures import shards, values, vocabulary

__all__ = ["shards", "values", "vocabulary"]


@pytest.fixture
def data(
    tmp_path: Path,
    shards: Path,
    vocabulary: Vocabulary,
    values: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """The folder of the data stages, in a project whose params.yaml trains at a constant rate."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(shards, "data/bucket")
    (tmp_path / "data/bucket/dataset.json").write_text('{"hash": "data"}', encoding="utf-8")
    vocabulary.save(Path("data/tokenize/vocabulary.json"))
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    constant = {"schedule": {"warmup_samples": 20, "decay": "constant"}, "validate_every_samples": 40}
    params["train"] = {**values, **constant, "budget": {"samples": 60}}
    Path("params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    Path("overrides.yaml").write_text("train: {seed: 4}\n", encoding="utf-8")
    monkeypatch.setenv("IM2LATEX_STATE", str(tmp_path / "kept"))
    return Path("data")


def train(data: Path, samples: int, **options: Any) -> Path:
    """Call the recipe with a budget of samples; returns the folder of the run."""
    arguments: dict[str, Any] = {"state": None, "minutes": None, "decay_samples": None, "threads": None} | options
    budget = [f"train.budget={{samples: {samples}}}"]
    train_cpu.main(data, Path("overrides.yaml"), set_value=budget, **arguments)
    [folder] = (state_root() / "train").iterdir()
    return folder


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return dict(load_checkpoint(folder / "checkpoint").network.state_dict())


def test_several_calls_equal_one_run(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = weights(train(data, 160))
    shutil.rmtree("kept")
    train(data, 40)
    shutil.copytree("data", "another/data")  # another checkout with the same state folder
    for name in ("params.yaml", "overrides.yaml"):
        shutil.copy(name, "another")
    monkeypatch.chdir("another")
    folder = train(data, 160)
    assert all(torch.equal(weight, weights(folder)[name]) for name, weight in whole.items())
    rows = [json.loads(line) for line in (folder / "curve.jsonl").read_text().splitlines()]
    assert [row["samples"] for row in rows] == sorted({row["samples"] for row in rows})
    assert {"val_loss", "cpu_seconds"} <= rows[0].keys()


def test_weights_are_exported_in_half_precision_with_image_settings(data: Path) -> None:
    folder = train(data, 40)
    saved = load_file(folder / "checkpoint/model.safetensors")
    half = {name for name, weight in saved.items() if weight.dtype is torch.float16}
    assert half == {name for name, _ in load_checkpoint(folder / "last").network.named_parameters()}
    assert all("running" in name for name, weight in saved.items() if weight.dtype is torch.float32)
    assert load_checkpoint(folder / "checkpoint").images["dpi"] == 200


def test_decay_trains_a_copy_and_the_run_resumes(data: Path) -> None:
    undisturbed = weights(train(data, 120))
    shutil.rmtree("kept")
    seen = json.loads((train(data, 60) / train_cpu.FINISHED).read_text())["samples"]
    folder = train(data, 60, decay_samples=40)
    [branch] = folder.glob("decay-*")
    rows = [json.loads(line) for line in (branch / "curve.jsonl").read_text().splitlines()]
    assert rows[-1]["samples"] >= seen + 40
    assert rows[-1]["learning_rate"] == 0
    assert load_checkpoint(branch / "checkpoint").counts["sample_budget"] == seen + 40
    assert all(torch.equal(weight, weights(train(data, 120))[name]) for name, weight in undisturbed.items())


def test_an_interrupted_decay_keeps_its_budget(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = json.loads((train(data, 60) / train_cpu.FINISHED).read_text())["samples"]
    with monkeypatch.context() as patch:
        patch.setattr(train_cpu, "run", lambda *_: None)  # interrupted before training
        train(data, 60, decay_samples=40)
    folder = train(data, 60, decay_samples=999)
    [branch] = folder.glob("decay-*")
    assert json.loads((branch / train_cpu.FINISHED).read_text())["sample_budget"] == seen + 40


def test_decay_without_a_state_is_an_error(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        train(data, 60, decay_samples=40)
    assert "no state to decay from" in capsys.readouterr().err


def test_minutes_stop_the_call_and_not_the_run(data: Path) -> None:
    folder = train(data, 10**6, minutes=1e-4)
    seen = torch.load(folder / "state.pt", weights_only=True)["seen"]
    assert not (folder / train_cpu.FINISHED).exists()
    train(data, seen + 40)
    assert (folder / train_cpu.FINISHED).exists()


def test_the_key_depends_on_parameters_and_data_and_not_on_the_budget(data: Path) -> None:
    keys = set()
    for change in ("seed: 5", "seed: 6", "budget: {samples: 9}", "validation_examples: 1"):
        content = merge(yaml.safe_load(Path("params.yaml").read_text()), {"train": yaml.safe_load(f"{{{change}}}")})
        params = check(content["train"], TrainParams, "train")
        keys.add(train_cpu._key(params, "data"))
        keys.add(train_cpu._key(params, "other"))
    assert len(keys) == 6
