"""A training run that is stopped leaves no outputs, exits 1, and is taken up where it was."""

import errno
import hashlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.repo import Repo
from lightning_fabric.utilities.rank_zero import rank_zero_only

from im2latex.config import load_section
from im2latex.dataset.vocabulary import SPECIALS, Vocabulary
from im2latex.io.parquet import read_parts
from im2latex.io.stage_names import read_stage_names
from im2latex.models.model import Network
from im2latex.reporting.provenance import training_budget
from im2latex.training.callbacks import MetricsRow
from im2latex.training.checkpoint import Checkpoint, save_checkpoint
from im2latex.training.config import BudgetParams, TrainParams
from im2latex.training.engine import TrainingEngine
from im2latex.training.run_folders import list_runs
from im2latex.training.validation import Validation, ValidationExample
from im2latex.types import Shape
from pipeline import code, train
from pipeline.paths import ROOT
from pipeline.stage import Stage
from pipeline.train import StageCallback, state_folder
from pipeline.training_state import METRICS
from tests.pipeline.conftest import run
from tests.pipeline.test_graph import STAGES

DATA_STAGES = list(STAGES)[:6]


def test_a_stopped_run_is_taken_up(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(*DATA_STAGES)
    capsys.readouterr()
    run("train")
    assert f"kill -TERM {os.getpid()}" in capsys.readouterr().out, "says how to stop it"
    whole = Path("data/train/model.safetensors").read_bytes()
    curve, readings = (Path(f"data/train/{name}.jsonl").read_text() for name in ("log", "samples"))
    assert json.loads(Path("data/train/checkpoint.json").read_text())["images"] == {
        "dpi": 200,
        "downsample": 8,
        "padding_px": 8,
    }

    shutil.rmtree(".cache/train")
    original = StageCallback.on_validation

    def interrupt_after_first_row(self: StageCallback, row: MetricsRow, examples: list[ValidationExample]) -> None:
        original(self, row, examples)
        if len(self.rows) == 1:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(StageCallback, "on_validation", interrupt_after_first_row)
    with pytest.raises(SystemExit) as stopped:
        Stage("train", TrainParams, train.work, ()).main([])
    assert stopped.value.code == 1
    assert "SIGTERM" in capsys.readouterr().err
    assert not Path("data/train").exists()
    [state] = Path(".cache/train").iterdir()
    assert len((state / "log.jsonl").read_text().splitlines()) == 1

    Stage("train", TrainParams, train.work, ()).main([])
    assert Path("data/train/model.safetensors").read_bytes() == whole
    assert Path("data/train/log.jsonl").read_text() == curve
    assert Path("data/train/samples.jsonl").read_text() == readings
    rows = [json.loads(line) for line in readings.splitlines()]
    assert [row["samples"] for row in rows] == sorted(row["samples"] for row in rows)
    assert len(rows) == len({(row["samples"], row["id"]) for row in rows}) == 2 * len({row["id"] for row in rows})
    labels = read_parts(Path("data/bucket/val"), ["formula_id", "latex"], "shard-*.parquet").to_pylist()
    assert {(row["id"], row["reference"]) for row in rows} <= {(one["formula_id"], one["latex"]) for one in labels}


def stop_after_the_first_row(monkeypatch: pytest.MonkeyPatch, number: signal.Signals = signal.SIGUSR1) -> None:
    """Run the stage until its first validation has been logged."""
    original = StageCallback.on_validation

    def interrupt(self: StageCallback, row: MetricsRow, examples: list[ValidationExample]) -> None:
        original(self, row, examples)
        signal.raise_signal(number)

    with monkeypatch.context() as patch:
        patch.setattr(StageCallback, "on_validation", interrupt)
        with pytest.raises(SystemExit):
            Stage("train", TrainParams, train.work, ()).main([])


def no_step(engine: TrainingEngine) -> None:
    raise AssertionError("trained again")


def test_a_failure_after_the_last_step_costs_no_training(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(*DATA_STAGES)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("pipeline.stage.write_manifest", full)
        with pytest.raises(SystemExit):
            Stage("train", TrainParams, train.work, ()).main([])
    shutil.rmtree("data/train")  # as DVC does
    monkeypatch.setattr(TrainingEngine, "train_step", no_step)
    for _ in range(2):  # nor does a kill before DVC has recorded the outputs
        Stage("train", TrainParams, train.work, ()).main([])
    assert Path("data/train/checkpoint.json").exists()


def test_a_stopped_run_can_be_accepted_as_it_is(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(*DATA_STAGES)
    run("train")
    whole = Path("data/train/model.safetensors").read_bytes()
    shutil.rmtree(".cache/train")
    with pytest.raises(SystemExit) as refused:
        run("train", options=["--as-it-is"])
    assert refused.value.code == 2
    assert "no stopped training" in capsys.readouterr().err
    assert Path("data/train/model.safetensors").read_bytes() == whole, "nothing was touched"

    stop_after_the_first_row(monkeypatch)
    run("train", options=["--as-it-is"])
    counts = json.loads(Path("data/train/checkpoint.json").read_text())["counts"]
    assert counts["samples"] < counts["sample_budget"]
    rows = [json.loads(line) for line in Path("data/train/log.jsonl").read_text().splitlines()]
    assert [row["samples"] for row in rows] == [counts["samples"]], "that of the validation before, made again"
    assert json.loads(Path("reports/manifest/train.json").read_text())["accepted_as_it_is"] is True
    run("predict", "evaluate", "report")
    assert "stopped before its budget" in Path("reports/report.md").read_text()
    assert b"stopped before its budget" in Path("reports/report.html").read_bytes()

    run("train")
    assert Path("data/train/model.safetensors").read_bytes() == whole, "it can still be resumed"
    assert len(Path("data/train/log.jsonl").read_text().splitlines()) == 2


def test_a_terminal_that_has_gone_ends_no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_: str) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("pipeline.train.typer.echo", gone)
    train.say("x")


def test_a_training_goes_on_from_a_checkpoint(
    project: Path, capsys: pytest.CaptureFixture[str], set_params: Callable[[dict[str, Any]], None]
) -> None:
    run(*DATA_STAGES, "train")
    shutil.copytree("data/train", "models/first")
    weights = hashlib.sha256(Path("models/first/model.safetensors").read_bytes()).hexdigest()
    budget = {"samples": None, "epochs": 1}
    changes = {"init_from": f"models/first@{weights[:8]}", "budget": budget, "validation_examples": 0}
    set_params({"train": changes})
    capsys.readouterr()
    run("train")
    assert f"train.init_from=models/first@{weights[:8]}: " in capsys.readouterr().out
    checkpoint = json.loads(Path("data/train/checkpoint.json").read_text())
    assert (
        checkpoint["counts"]["samples"] == json.loads(Path("data/bucket/dataset.json").read_text())["samples"]["train"]
    )
    [ancestor] = checkpoint["started_from"]
    assert (ancestor["weights"], ancestor["dataset_hash"]) == (weights, checkpoint["dataset_hash"])
    assert json.loads(Path("reports/manifest/train.json").read_text())["started_from"] == [ancestor]
    assert Path("data/train/samples.jsonl").read_text() == ""


def test_a_checkpoint_is_fine_tuned_on_other_data_and_keeps_its_tokens(
    project: Path, set_params: Callable[[dict[str, Any]], None]
) -> None:
    run(*DATA_STAGES, "train")
    shutil.copytree("data/train", "models/first")
    before = Vocabulary.load(Path("data/tokenize/vocabulary.json")).tokens
    Path("data/raw/other").mkdir()
    formulas = [rf"\hslash + {left} = {right}" for left in "abcdefgh" for right in "uvwxyz"]
    Path("data/raw/other/formulas.txt").write_text("\n".join(formulas))
    changes = {"init_from": "models/first", "validation_examples": 0}
    vocabulary = {"init_from": "models/first/checkpoint.json"}
    set_params({"dataset": "other", "train": changes, "tokenize": {"vocabulary": vocabulary}})
    run(*DATA_STAGES, "train")
    after = Vocabulary.load(Path("data/train/checkpoint.json")).tokens
    assert after[: len(before)] == before
    assert "\\hslash" in after[len(before) :]
    [ancestor] = json.loads(Path("data/train/checkpoint.json").read_text())["started_from"]
    assert ancestor["weights"] == hashlib.sha256(Path("models/first/model.safetensors").read_bytes()).hexdigest()


REFUSED = {
    "data/train": "copy the folder first",
    "models/none": "no folder, no snapshot",
    "models/first@00000000": "have the hash",
    "models/first": "train.model.encoder.features = 32",
}


@pytest.mark.parametrize("init_from", REFUSED)
def test_initial_weights_are_checked_before_anything_is_emptied(
    project: Path, capsys: pytest.CaptureFixture[str], set_params: Callable[[dict[str, Any]], None], init_from: str
) -> None:
    for folder in ("data/train", "models/first"):
        model, vocabulary = load_section("train", TrainParams).model, Vocabulary([*SPECIALS, "a"])
        checkpoint = Checkpoint(Network(model, 5), model, vocabulary, [Shape(8, 8, 8)], "data", {}, {"samples": 1})
        save_checkpoint(checkpoint, Path(folder))
    parts = ("encoder", "decoder") if init_from == "models/first" else ()
    wider = {"model": {part: {"features": 32} for part in parts}}
    set_params({"train": {"init_from": init_from, **wider}})
    [fault] = code.params_faults(read_stage_names())
    assert REFUSED[init_from] in fault
    with pytest.raises(SystemExit) as stopped:
        run("train")
    assert stopped.value.code == 2
    assert REFUSED[init_from] in capsys.readouterr().err
    assert Path("data/train/checkpoint.json").exists()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.skipif(shutil.which("git") is None, reason="git not installed")
def test_a_training_goes_on_from_a_commit_and_from_a_snapshot(
    project: Path, capsys: pytest.CaptureFixture[str], set_params: Callable[[dict[str, Any]], None]
) -> None:
    set_params({"trainer": {"keep_snapshots": "all"}})
    run(*DATA_STAGES, "train")
    names = {
        one.name: hashlib.sha256((one.folder / "model.safetensors").read_bytes()).hexdigest()
        for one in list_runs()[0].checkpoints
    }
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "-f", "params.yaml"]):
        subprocess.run(["git", *command], check=True)
    Path("dvc.yaml").rename("stages.yaml")  # its stages have not run under DVC
    with Repo.init() as repo:
        repo.add("data/train")
    subprocess.run(["git", "add", "-A", "data/train.dvc", ".dvc"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "a"], check=True)
    shutil.rmtree("data/train")
    Path("stages.yaml").rename("dvc.yaml")
    last = next(digest for name, digest in names.items() if name.endswith("/last"))
    snapshot, digest = next((name, digest) for name, digest in names.items() if name.endswith("/48"))
    for init_from, weights in ((f"HEAD@{last[:8]}", last), (snapshot, digest)):
        set_params({"train": {"init_from": init_from}})
        assert list(code.params_faults(read_stage_names())) == []
        run("train")
        [ancestor] = json.loads(Path("data/train/checkpoint.json").read_text())["started_from"]
        assert ancestor["weights"] == weights


def test_a_training_without_a_budget_is_stopped_and_accepted(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    set_params: Callable[[dict[str, Any]], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_params({"train": {"budget": {"samples": None, "epochs": -1}}})
    run(*DATA_STAGES)
    stop_after_the_first_row(monkeypatch)
    printed = capsys.readouterr()
    assert "no budget: trains until a signal stops it" in printed.out
    assert "make accept-stopped" in printed.err
    run("train", options=["--as-it-is"])
    seen = json.loads(Path("data/train/checkpoint.json").read_text())["counts"]["samples"]
    set_params({"train": {"budget": {"samples": seen + 48, "epochs": None}}})
    run("train")
    facts = json.loads(Path("reports/manifest/train.json").read_text())
    assert facts["earlier_budgets"][0]["samples"] == seen


@pytest.mark.skipif(shutil.which("git") is None, reason="git not installed")
def test_curves_are_drawn_in_a_repository_without_commits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "-q"], check=True)
    Repo.init().close()
    train._draw_curves([{"samples": 10, "val_loss": 2.0}, {"samples": 20, "val_loss": 1.0}])
    assert json.loads(train.CURVES.joinpath("metrics.json").read_text()) == {"val_loss": 1.0, "step": 20}


def test_rows_that_are_repeated_are_replaced(tmp_path: Path) -> None:
    vocabulary = Vocabulary([*SPECIALS, "a"])
    callback = StageCallback(tmp_path, vocabulary)
    for samples, loss in [(10, 3.0), (20, 2.0), (30, 1.5), (20, 2.5)]:
        callback.on_validation({"samples": samples, "loss": loss}, [])
    assert [row["loss"] for row in StageCallback(tmp_path, vocabulary).rows] == [3.0, 2.5]
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["samples"] for line in lines] == [10, 20]


def test_another_run_has_another_state_and_a_larger_budget_the_same(project: Path) -> None:
    params = load_section("train", TrainParams)
    other = params.model_copy(update={"seed": 4})
    assert len({state_folder(params, "a"), state_folder(params, "b"), state_folder(other, "a")}) == 3
    longer = params.model_copy(update={"budget": BudgetParams(samples=10**6)})
    assert state_folder(longer, "a") == state_folder(params, "a")


def test_a_larger_budget_continues_the_recorded_training(
    project: Path, set_params: Callable[[dict[str, Any]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    run(*DATA_STAGES, "train")
    first = json.loads(Path("data/train/checkpoint.json").read_text())["counts"]["samples"]
    digest = hashlib.md5(METRICS.read_bytes()).hexdigest()
    recorded = {"outs": [{"path": METRICS.as_posix(), "md5": digest}]}
    Path("dvc.lock").write_text(yaml.safe_dump({"stages": {"train": recorded}}))
    set_params({"train": {"budget": {"samples": 144}}})
    capsys.readouterr()
    run("train")
    assert f"continues after {first} samples with another budget" in capsys.readouterr().out
    facts = json.loads(Path("reports/manifest/train.json").read_text())
    assert facts["earlier_budgets"] == [{"samples": first, "sample_budget": 96}]
    assert facts["counts"]["samples"] >= 144


def test_the_samples_of_the_run_decide_and_not_those_of_its_best_weights(
    project: Path, set_params: Callable[[dict[str, Any]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([1.0, 2.0])
    monkeypatch.setattr(Validation, "score", lambda *_: {"val_loss": next(losses)})
    set_params({"train": {"select_checkpoint": "best"}})
    run(*DATA_STAGES, "train")
    facts = json.loads(Path("reports/manifest/train.json").read_text())
    assert facts["counts"]["samples"] < facts["counts"]["sample_budget"]
    assert not {"clock_bound", "stopped_early"} & facts.keys()
    seen = facts["run"]["samples"]
    assert training_budget(facts) == f"{seen} samples; best weights after {facts['counts']['samples']}"
    [state] = Path(".cache/train").iterdir()
    assert json.loads((state / "outputs.json").read_text())["samples"] >= facts["counts"]["sample_budget"]


def test_the_report_names_early_stopping(
    project: Path, set_params: Callable[[dict[str, Any]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Validation, "score", lambda *_: {"val_loss": 1.0})
    set_params({"train": {"early_stopping_patience": 1, "budget": {"samples": 960}}})
    run(*DATA_STAGES, "train")
    facts = json.loads(Path("reports/manifest/train.json").read_text())
    samples = facts["counts"]["samples"]
    assert training_budget(facts) == f"{samples} samples; ended by early stopping before its budget of 960"


def test_a_process_of_another_rank_fails_with_one_sentence(
    project: Path, set_params: Callable[[dict[str, Any]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    set_params({"train": {"clip_nrom": 1}})
    with pytest.raises(SystemExit) as stopped:
        train.follow()
    assert str(stopped.value.code).startswith("train, process 1: params.yaml: train.clip_nrom is not a known key")


def test_another_experiment_does_not_continue_the_first(
    project: Path, set_params: Callable[[dict[str, Any]], None]
) -> None:
    run(*DATA_STAGES, "train")  # and DVC records it elsewhere
    set_params({"train": {"budget": {"samples": 144}}})
    run("train")
    facts = json.loads(Path("reports/manifest/train.json").read_text())
    assert "earlier_budgets" not in facts
    assert "clock_bound" not in facts


def test_a_budget_by_the_clock_is_recorded(project: Path, set_params: Callable[[dict[str, Any]], None]) -> None:
    run(*DATA_STAGES)
    set_params({"train": {"budget": {"samples": 96, "deadline_seconds": 1000}}})
    run("train")
    assert json.loads(Path("reports/manifest/train.json").read_text())["clock_bound"] is True
    assert json.loads(METRICS.read_text())["clock_bound"] is True


def test_no_key_of_the_trainer_is_a_dependency_of_a_stage() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    del stages["code"]  # depends on all of params.yaml, and its outputs on none
    names = {name.partition(".")[0] for stage in stages.values() for name in stage["params"]}
    assert "train" in names
    assert "trainer" not in names
