"""A training in processes of its own: signalled, killed, and divided among two."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.training.checkpoint import load_checkpoint
from im2latex.training.config import TrainParams
from pipeline.paths import ROOT
from tests.training.helpers import Recorder, fit, weights

Values = dict[str, object]

ONE = (sys.executable, "-m")
# torchrun connects to the name of the machine, which not every machine can resolve.
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--local-addr", "localhost")
TWO = (*TORCHRUN, "--nproc-per-node", "2", "-m")


def node(rank: int, port: int) -> tuple[str, ...]:
    """One of two nodes with a process each, as examples/train_on_nodes.sbatch starts them."""
    address = ("--master-addr", "localhost", "--master-port", str(port), "--local-addr", "localhost")
    nodes = ("--nnodes", "2", "--node-rank", str(rank), "--nproc-per-node", "1")
    return (sys.executable, "-m", "torch.distributed.run", *nodes, *address, "-m")


class Training:
    """One start of the program; its folder outlives it. `waits`: after each row it waits for `proceed`."""

    def __init__(
        self,
        folder: Path,
        shards: Path,
        values: Values,
        launcher: tuple[str, ...] = ONE,
        devices: int = 1,
        waits: bool = False,
    ) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "recipe.json").write_text(json.dumps(values))
        arguments = [shards, folder / "recipe.json", folder, folder / "out", devices]
        environment = {key: value for key, value in os.environ.items() if key not in ("RANK", "LOCAL_RANK")}
        self.errors = ""
        self.process = subprocess.Popen(
            [*launcher, "tests.training.program", *map(str, arguments)],
            cwd=ROOT,
            env=environment | {"OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE if waits else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def line(self, sign: str) -> str:
        """The next line that contains `sign`."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if sign in line:
                return line
        self.end()
        raise AssertionError(f"ended without {sign!r}: {self.errors}")

    def send(self, number: signal.Signals, answer: str) -> None:
        """Signal it, and read its answer on stderr."""
        self.process.send_signal(number)
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.errors += line
            if answer in line:
                return
        raise AssertionError(f"no answer {answer!r}: {self.errors}")

    def proceed(self) -> None:
        """Let it continue after a row."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def end(self) -> int:
        """Its exit code."""
        self.errors += self.process.communicate(timeout=600)[1]
        return self.process.returncode


def saved_weights(folder: Path) -> dict[str, torch.Tensor]:
    return weights(load_checkpoint(folder / "out"))


def test_a_run_that_is_signalled_and_killed_resumes_to_the_same_weights(
    values: Values, shards: Path, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    values["budget"] = {"samples": 150}
    whole = fit(TrainParams.model_validate(values), shards, vocabulary, tmp_path / "whole")

    cut = tmp_path / "cut"
    first = Training(cut, shards, values, waits=True)
    first.line('"samples": 3')
    first.send(signal.SIGINT, "saves and validates after")
    first.send(signal.SIGINT, "SIGINT: cancelled")
    first.send(signal.SIGUSR1, "saves and stops after")
    first.send(signal.SIGUSR1, "saves and stops after")
    first.proceed()
    assert first.end() == 1
    assert "stopped by SIGUSR1 after 3" in first.errors

    second = Training(cut, shards, values, waits=True)
    second.line('"samples": 6')
    second.send(signal.SIGINT, f"kill -TERM {second.process.pid}")
    second.proceed()
    second.line('"samples": 9')
    second.process.send_signal(signal.SIGKILL)
    assert second.end() == -signal.SIGKILL
    assert load_checkpoint(cut / "last").counts["samples"] in range(90, 100), "saved before it is validated"

    third = Training(cut, shards, values)
    assert "; 9" in third.line("samples done")
    assert third.end() == 0, third.errors
    for name, weight in weights(whole).items():
        assert torch.equal(weight, saved_weights(cut)[name]), name


@pytest.mark.parametrize("launcher", [TWO, pytest.param(ONE, marks=pytest.mark.slow)], ids=["torchrun", "devices"])
def test_two_processes_take_the_steps_of_one(
    values: dict[str, dict[str, object]],
    shards: Path,
    vocabulary: Vocabulary,
    tmp_path: Path,
    launcher: tuple[str, ...],
) -> None:
    """With SGD: Adam and Muon amplify rounding errors to full size where a gradient is zero."""
    for part in ("encoder", "decoder"):
        values["model"][part] = {**values["model"][part], "dropout": 0.0}  # type: ignore[dict-item]
    values["optimizer"] |= {"hidden": "sgd", "others": "sgd", "hidden_learning_rate": 0.5, "learning_rate": 0.5}
    changed: Values = {**values, "gradient_accumulation": 2}
    recorder = Recorder()
    one = fit(TrainParams.model_validate(changed), shards, vocabulary, tmp_path / "one", recorder)
    two = Training(tmp_path / "two", shards, changed, launcher, devices=2 if launcher is ONE else 1)
    found = [json.loads(two.line('"samples"')) for _ in recorder.rows]
    assert found == [pytest.approx(row, abs=1e-4) for row in recorder.rows]
    assert two.end() == 0, two.errors
    for name, weight in weights(one).items():
        torch.testing.assert_close(saved_weights(tmp_path / "two")[name], weight, atol=1e-5, rtol=1e-5)


@pytest.mark.slow
def test_two_nodes_have_the_weights_of_one_with_two_processes(
    values: Values, shards: Path, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    one = Training(tmp_path / "one", shards, values, TWO)
    assert one.end() == 0, one.errors
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    nodes = [Training(tmp_path / "nodes", shards, values, node(rank, port)) for rank in (0, 1)]
    assert [each.end() for each in nodes] == [0, 0], [each.errors for each in nodes]
    for name, weight in saved_weights(tmp_path / "one").items():
        assert torch.equal(saved_weights(tmp_path / "nodes")[name], weight), name


def test_a_signal_to_one_of_two_processes_stops_both_after_the_step(
    values: Values, shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNAL_AT_STEP", "3")
    stopped = Training(tmp_path, shards, values, TWO)
    assert stopped.end() != 0
    assert "stopped by SIGUSR1" in stopped.errors
    assert torch.load(tmp_path / "state.pt", weights_only=True)["step"] == 3
