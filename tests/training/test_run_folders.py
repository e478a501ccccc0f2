"""Folders of training runs: locked by one process, listed with their snapshots, which remain and can be removed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from im2latex.cli import app
from im2latex.dataset.vocabulary import Vocabulary
from im2latex.errors import UsageError
from im2latex.training import run_folders
from im2latex.training.checkpoint import load_checkpoint
from im2latex.training.config import TrainerParams, TrainParams
from im2latex.training.finetune import open_pretrained
from im2latex.training.run_folders import KeptSnapshots, find_checkpoint, list_runs, locked, remove
from im2latex.training.trainer import Trainer
from im2latex.training.validation import Validation
from pipeline.paths import ROOT
from tests.training.helpers import Recorder, assert_same_weights, fit


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IM2LATEX_STATE", str(tmp_path / "state"))
    return tmp_path / "state" / "train"


def quiet(text: str) -> None:
    pass


def train(
    values: dict[str, object], shards: Path, vocabulary: Vocabulary, folder: Path, kept: KeptSnapshots
) -> Recorder:
    values |= {"budget": {"samples": 90}, "validate_every_samples": 20}
    recorder = Recorder()
    settings = TrainerParams(accelerator="cpu", keep_snapshots=kept)
    fit(TrainParams.model_validate(values), shards, vocabulary, folder, recorder, settings)
    return recorder


def test_every_validation_leaves_a_snapshot_that_can_be_named_evaluated_and_removed(
    values: dict[str, object], shards: Path, vocabulary: Vocabulary, root: Path
) -> None:
    rows = train(values, shards, vocabulary, root / "toy-1", "all").rows
    [run] = list_runs()
    snapshots = [one for one in run.checkpoints if one.name not in ("toy-1/last", "toy-1/best")]
    assert [one.name for one in snapshots] == [f"toy-1/{row['samples']}" for row in rows]
    assert [one.metrics for one in snapshots] == rows
    last = str(rows[-1]["samples"])
    for name in (last, f"toy/{last}", f"toy-1/{last}"):
        assert find_checkpoint(name) == snapshots[-1]
    assert_same_weights(load_checkpoint(snapshots[-1].folder), load_checkpoint(root / "toy-1" / "last"))
    assert find_checkpoint("no/run") is find_checkpoint("7") is None

    listed = CliRunner().invoke(app, ["snapshots"])
    assert "toy-1: unfinished" in listed.output
    assert all(one.name in listed.output for one in run.checkpoints)
    [found] = json.loads(CliRunner().invoke(app, ["snapshots", "--json"]).output)
    assert [one["name"] for one in found["checkpoints"]] == [one.name for one in run.checkpoints]
    command = ["evaluate", last, "--data", str(shards), "--split", "val", "--no-images", "-o", "out.csv"]
    assert json.loads(CliRunner().invoke(app, command).output)["n"] == 10
    assert len(Path("out.csv").read_text().splitlines()) == 11
    Path("data").mkdir()
    Path("data/bucket").symlink_to(shards)
    assert CliRunner().invoke(app, ["evaluate", last, "--split", "val", "--no-images"]).exit_code == 0
    assert Path("predictions.parquet").is_file()

    assert CliRunner().invoke(app, ["snapshots", "--remove", snapshots[0].name]).exit_code == 0
    assert not snapshots[0].folder.exists()
    assert snapshots[1].folder.exists()
    with pytest.raises(UsageError, match="no training run and no snapshot"):
        remove("toy-1/last")
    remove("toy-1")
    assert list_runs() == []


@pytest.mark.parametrize("monitor", ["val_loss", "val_exact"])
def test_the_best_snapshots_remain(
    values: dict[str, object],
    shards: Path,
    vocabulary: Vocabulary,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    monitor: str,
) -> None:
    scores = iter([0.3, 0.1, 0.2, 0.5, 0.4])
    monkeypatch.setattr(Validation, "score", lambda *_: {monitor: next(scores)})
    rows = train(values | {"monitor": monitor}, shards, vocabulary, root / "toy-1", 2).rows
    found = sorted(int(path.name) for path in (root / "toy-1" / "snapshots").iterdir())
    best = (1, 2) if monitor == "val_loss" else (3, 4)
    assert len(rows) == 5
    assert found == [rows[place]["samples"] for place in best]


def test_a_training_starts_from_a_snapshot_with_its_optimizers(
    values: dict[str, object], shards: Path, vocabulary: Vocabulary, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(values, shards, vocabulary, root / "toy-1", 1)
    [snapshot] = (root / "toy-1" / "snapshots").iterdir()
    pretrained = open_pretrained(str(snapshot))
    settings = TrainerParams(accelerator="cpu")
    trainer = Trainer(
        TrainParams.model_validate(values),
        shards,
        vocabulary,
        "data",
        root / "next",
        settings=settings,
        pretrained=pretrained,
    )
    trainer._set_up(1)
    states = [state for optimizer in trainer.engine.state.optimizers for state in optimizer.state.values()]
    assert states
    assert any(value.abs().max() > 0 for state in states for value in state.values())


def test_a_name_that_two_runs_share_is_refused(
    values: dict[str, object], shards: Path, vocabulary: Vocabulary, root: Path
) -> None:
    for name in ("toy-1", "toy-2"):
        train(values, shards, vocabulary, root / name, 1)
    with pytest.raises(UsageError, match=r"toy-[12]/last.*toy-[12]/last"):
        find_checkpoint("toy/last")
    found = find_checkpoint("toy-2/last")
    assert found
    assert found.folder == root / "toy-2" / "last"


def test_a_damaged_snapshot_is_left_out(
    values: dict[str, object], shards: Path, vocabulary: Vocabulary, root: Path
) -> None:
    train(values, shards, vocabulary, root / "toy-1", "all")
    *others, last = list_runs()[0].checkpoints
    (last.folder / "metrics.json").write_text("")
    assert list_runs()[0].checkpoints == others


def test_a_run_that_trains_is_not_removed(root: Path) -> None:
    with locked(root / "a", quiet):
        [run] = list_runs()
        assert run.process == str(os.getpid())
        with pytest.raises(UsageError, match=f"kill -USR1 {os.getpid()}"):
            remove("a")
    assert list_runs()[0].process is None
    remove("a")
    assert list_runs() == []


HOLD = """
import sys, time
from pathlib import Path
from im2latex.training.run_folders import locked
with locked(Path(sys.argv[1]), print, 0):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_folder_in_use_is_refused_with_the_process_that_uses_it() -> None:
    folder = Path("state/a")
    command = [sys.executable, "-c", HOLD, str(folder)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
    messages: list[str] = []
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        message = f"process {holder.pid} trains there.*kill -USR1 {holder.pid}"
        with pytest.raises(UsageError, match=message), locked(folder, messages.append, 0.3):
            pass
        holder.kill()
    assert len(messages) == 1
    with locked(folder, quiet, 10):
        assert (folder / "lock").read_text() == str(os.getpid())


def test_a_folder_that_is_removed_while_another_waits_for_it_is_made_again() -> None:
    folder = Path("state/a")
    folder.mkdir(parents=True)
    with (folder / "lock").open("a+b") as gone:
        (folder / "lock").unlink()
        assert not run_folders._same_file(gone, folder / "lock")
        with locked(folder, quiet, 0):
            assert not run_folders._same_file(gone, folder / "lock")
