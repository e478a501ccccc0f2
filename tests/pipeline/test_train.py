"""A training run that is stopped leaves no outputs, exits 1, and is taken up where it was."""

import json
import signal
from pathlib import Path

import pytest

from im2latex.learning.recipe import TrainParams
from im2latex.params import load_section
from pipeline import train
from pipeline.stage import run_stage
from pipeline.train import TrainingLog, state_folder
from tests.pipeline.conftest import run
from tests.pipeline.test_graph import STAGES

DATA_STAGES = list(STAGES)[:6]


def test_a_stopped_run_is_taken_up(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(*DATA_STAGES)
    run("train")
    whole = Path("data/train/model.safetensors").read_bytes()
    curve = Path("data/train/log.jsonl").read_text()

    original = TrainingLog.__call__

    def interrupt_after_first_row(self: TrainingLog, row: dict[str, float]) -> None:
        original(self, row)
        if len(self.rows) == 1:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(TrainingLog, "__call__", interrupt_after_first_row)
    with pytest.raises(SystemExit) as stopped:
        run_stage("train", TrainParams, train.work, ())
    assert stopped.value.code == 1
    assert "SIGTERM" in capsys.readouterr().err
    assert not Path("data/train").exists()
    [state] = Path(".cache/train").iterdir()
    assert len((state / "log.jsonl").read_text().splitlines()) == 1

    run_stage("train", TrainParams, train.work, ())
    assert Path("data/train/model.safetensors").read_bytes() == whole
    assert Path("data/train/log.jsonl").read_text() == curve
    assert not state.exists()


def test_rows_that_are_done_again_are_replaced(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    log = TrainingLog(path)
    for samples, loss in [(10, 3.0), (20, 2.0), (30, 1.5), (20, 2.5)]:
        log({"samples": samples, "loss": loss})
    assert [row["loss"] for row in TrainingLog(path).rows] == [3.0, 2.5]
    assert [json.loads(line)["samples"] for line in path.read_text().splitlines()] == [10, 20]


def test_another_run_has_another_state(project: Path) -> None:
    params = load_section("train", TrainParams)
    other = params.model_copy(update={"seed": 4})
    assert len({state_folder(params, "a"), state_folder(params, "b"), state_folder(other, "a")}) == 3
