"""A project with git and dvc: a training ends with its dvc, and can be accepted as it is."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from benchmarks import durability

pytestmark = [pytest.mark.needs_tex, pytest.mark.slow]


def call(project: Path, *command: str) -> str:
    environment = os.environ | {"PYTHONPATH": "", "DVC_NO_ANALYTICS": "1"}
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def wait_for(repro: durability.Repro, text: str) -> None:
    limit = time.monotonic() + 600
    while not any(text in line for line in repro.lines):
        assert repro.process.poll() is None, repro.lines
        assert time.monotonic() < limit, repro.lines
        time.sleep(0.05)


def test_an_interrupted_training_is_accepted_as_it_is(tmp_path: Path) -> None:
    durability.prepare(tmp_path)
    params = yaml.safe_load((tmp_path / "params.yaml").read_text())
    params["train"]["budget"]["samples"] = 10**6
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    repro = durability.Repro(tmp_path)
    wait_for(repro, "samples 1")
    repro.process.send_signal(signal.SIGTERM)
    assert repro.process.wait() == -signal.SIGTERM
    repro.join()
    assert any("has ended; this stage ends too" in line for line in repro.lines)
    assert not (tmp_path / "data" / "train").exists()
    saved = durability.saved_samples(tmp_path)
    assert saved >= 100

    call(tmp_path, sys.executable, "-m", "pipeline.train", "--as-it-is")
    call(tmp_path, sys.executable, "-m", "dvc", "commit", "-f", "train")
    assert "up to date" in call(tmp_path, sys.executable, "-m", "dvc", "status")
    assert "didn't change" in call(tmp_path, sys.executable, "-m", "dvc", "repro", "train")
    assert durability.saved_samples(tmp_path) == saved, "it can still be resumed"
