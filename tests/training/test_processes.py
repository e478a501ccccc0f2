"""A training in processes of its own: signalled, killed, and divided among two."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.training.checkpoint import load_checkpoint
from im2latex.training.config import TrainParams
from im2latex.training.loop import train
from pipeline.paths import ROOT

Values = dict[str, object]
Weights = dict[str, torch.Tensor]
Row = dict[str, float]

ONE = (sys.executable, "-m")
TWO = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m")


class Training:
    """One start of the program; its folder outlives it."""

    def __init__(self, folder: Path, shards: Path, values: Values, launcher: tuple[str, ...] = ONE) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "recipe.json").write_text(json.dumps(values))
        self.folder = folder
        self.errors = (folder / "errors.txt").open("wb+")
        arguments = [shards, folder / "recipe.json", folder, folder / "out"]
        environment = {key: value for key, value in os.environ.items() if key not in ("RANK", "LOCAL_RANK")}
        self.process = subprocess.Popen(
            [*launcher, "tests.training.training", *map(str, arguments)],
            cwd=ROOT,
            env=environment | {"OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )

    def line(self, sign: str) -> str:
        """The next line that holds `sign`."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if sign in line:
                return line
        raise AssertionError(f"ended without {sign!r}: {self.spoken()}")

    def send(self, number: signal.Signals, answer: str) -> None:
        """Signal it, and wait until it has answered."""
        before = self.spoken().count(answer)
        self.process.send_signal(number)
        limit = time.monotonic() + 60
        while self.spoken().count(answer) == before and time.monotonic() < limit:
            time.sleep(0.01)
        assert self.spoken().count(answer) == before + 1

    def spoken(self) -> str:
        """All it has written to stderr."""
        return (self.folder / "errors.txt").read_text()

    def end(self) -> int:
        """Its exit code."""
        self.process.communicate(timeout=120)
        self.errors.close()
        return self.process.returncode


def here(values: Values, shards: Path, vocabulary: Vocabulary, folder: Path) -> tuple[Weights, list[Row]]:
    """The same training in this process, undisturbed."""
    rows: list[Row] = []
    recipe = TrainParams.model_validate(values)
    return dict(train(recipe, shards, vocabulary, "data", folder, rows.append).network.state_dict()), rows


def weights(folder: Path) -> Weights:
    return dict(load_checkpoint(folder / "out").network.state_dict())


def test_signals_stop_go_on_and_are_taken_back_and_a_killed_run_is_taken_up(
    values: Values, shards: Path, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    values["budget"] = {"samples": 150, "minutes": 5}
    whole, _ = here(values, shards, vocabulary, tmp_path / "whole")

    cut = tmp_path / "cut"
    cut.mkdir()
    hold = cut / "hold"
    hold.write_text("30")
    first = Training(cut, shards, values)
    first.line('"samples": 3')
    first.send(signal.SIGINT, "saves and validates after")
    first.send(signal.SIGINT, "SIGINT: taken back")
    first.send(signal.SIGUSR1, "saves and stops after")
    first.send(signal.SIGUSR1, "saves and stops after")
    hold.write_text("60")
    assert first.end() == 1
    assert "stopped by SIGUSR1 after 3" in first.spoken()

    second = Training(cut, shards, values)
    second.line('"samples": 6')
    second.send(signal.SIGINT, f"kill -TERM {second.process.pid}")
    hold.write_text("90")
    second.line('"samples": 9')
    second.process.send_signal(signal.SIGKILL)
    assert second.end() == -signal.SIGKILL
    hold.unlink()
    assert load_checkpoint(cut / "last").counts["samples"] in range(90, 100), "saved before it is validated"

    third = Training(cut, shards, values)
    assert "; 9" in third.line("samples done")
    assert third.end() == 0
    for name, weight in whole.items():
        assert torch.equal(weight, weights(cut)[name]), name


@pytest.mark.parametrize("launcher", [TWO, pytest.param(ONE, marks=pytest.mark.slow)], ids=["torchrun", "devices"])
def test_two_processes_take_the_steps_of_one(
    values: dict[str, dict[str, object]],
    shards: Path,
    vocabulary: Vocabulary,
    tmp_path: Path,
    launcher: tuple[str, ...],
) -> None:
    """With SGD: Adam and Muon bring noise to full size where a gradient is zero but for rounding."""
    for part in ("encoder", "decoder"):
        values["model"][part] = {**values["model"][part], "dropout": 0.0}  # type: ignore[dict-item]
    values["optimizer"] |= {"hidden": "sgd", "others": "sgd", "hidden_learning_rate": 0.5, "learning_rate": 0.5}
    changed: Values = {**values, "accumulate": 2}
    one, rows = here(changed, shards, vocabulary, tmp_path / "one")
    two = Training(tmp_path / "two", shards, changed | ({"devices": 2} if launcher is ONE else {}), launcher)
    assert [json.loads(two.line('"samples"')) for _ in rows] == [pytest.approx(row, abs=1e-4) for row in rows]
    assert two.end() == 0, two.spoken()
    for name, weight in one.items():
        torch.testing.assert_close(weights(tmp_path / "two")[name], weight, atol=1e-5, rtol=1e-5)
