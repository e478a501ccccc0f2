"""A long training in stretches: another budget, a last decay, and weights to be tried meanwhile."""

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
from im2latex.training.checkpoint import load_checkpoint
from im2latex.training.config import TrainParams
from pipeline.paths import ROOT, state_root
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


def go(data: Path, samples: int, **options: Any) -> Path:
    """One call with a budget of so many samples; returns the folder of the run."""
    given: dict[str, Any] = {"state": None, "minutes": None, "decay_samples": None, "threads": None} | options
    budget = [f"train.budget={{samples: {samples}}}"]
    train_cpu.main(data, Path("overrides.yaml"), set_value=budget, **given)
    [folder] = (state_root() / "train").iterdir()
    return folder


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return dict(load_checkpoint(folder / "checkpoint").network.state_dict())


def test_stretches_add_up_to_one_run(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = weights(go(data, 160))
    shutil.rmtree("kept")
    go(data, 40)
    shutil.copytree("data", "another/data")  # another checkout, with the state where it was
    for name in ("params.yaml", "overrides.yaml"):
        shutil.copy(name, "another")
    monkeypatch.chdir("another")
    folder = go(data, 160)
    assert all(torch.equal(weight, weights(folder)[name]) for name, weight in whole.items())
    rows = [json.loads(line) for line in (folder / "curve.jsonl").read_text().splitlines()]
    assert [row["samples"] for row in rows] == sorted({row["samples"] for row in rows})
    assert {"val_loss", "processor_seconds"} <= rows[0].keys()


def test_weights_come_out_in_half_precision_with_their_images(data: Path) -> None:
    folder = go(data, 40)
    saved = load_file(folder / "checkpoint/model.safetensors")
    half = {name for name, weight in saved.items() if weight.dtype is torch.float16}
    assert half == {name for name, _ in load_checkpoint(folder / "last").network.named_parameters()}
    assert all("running" in name for name, weight in saved.items() if weight.dtype is torch.float32)
    assert load_checkpoint(folder / "checkpoint").images["dpi"] == 200


def test_a_last_stretch_decays_a_copy_and_the_run_goes_on(data: Path) -> None:
    undisturbed = weights(go(data, 120))
    shutil.rmtree("kept")
    seen = json.loads((go(data, 60) / train_cpu.FINISHED).read_text())["samples"]
    folder = go(data, 60, decay_samples=40)
    [branch] = folder.glob("decay-*")
    rows = [json.loads(line) for line in (branch / "curve.jsonl").read_text().splitlines()]
    assert rows[-1]["samples"] >= seen + 40
    assert rows[-1]["learning_rate"] == 0
    assert load_checkpoint(branch / "checkpoint").counts["sample_budget"] == seen + 40
    assert all(torch.equal(weight, weights(go(data, 120))[name]) for name, weight in undisturbed.items())


def test_a_stretch_that_was_stopped_goes_on_to_its_own_end(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = json.loads((go(data, 60) / train_cpu.FINISHED).read_text())["samples"]
    with monkeypatch.context() as patch:
        patch.setattr(train_cpu, "run", lambda *_: None)  # stopped as soon as it was planned
        go(data, 60, decay_samples=40)
    folder = go(data, 60, decay_samples=999)
    [branch] = folder.glob("decay-*")
    assert json.loads((branch / train_cpu.FINISHED).read_text())["sample_budget"] == seen + 40


def test_nothing_to_decay_is_said(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        go(data, 60, decay_samples=40)
    assert "holds no state to decay" in capsys.readouterr().err


def test_minutes_end_a_call_and_not_the_run(data: Path) -> None:
    folder = go(data, 10**6, minutes=1e-4)
    seen = torch.load(folder / "state.pt", weights_only=True)["seen"]
    assert not (folder / train_cpu.FINISHED).exists()
    go(data, seen + 40)
    assert (folder / train_cpu.FINISHED).exists()


def test_other_params_or_data_are_another_run_and_another_budget_is_not(data: Path) -> None:
    keys = set()
    for change in ("seed: 5", "seed: 6", "budget: {samples: 9}", "validation_examples: 1"):
        content = merge(yaml.safe_load(Path("params.yaml").read_text()), {"train": yaml.safe_load(f"{{{change}}}")})
        params = check(content["train"], TrainParams, "train")
        keys.add(train_cpu._key(params, "data"))
        keys.add(train_cpu._key(params, "other"))
    assert len(keys) == 6
