"""A stage ends when the dvc that started it is killed, also where a shell stays between the two."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.paths import ROOT

STAGE = """
import os, signal, sys, time
from pipeline.dvc_watchdog import end_with_dvc

def end(*_):
    print("asked to end", flush=True)
    os._exit(1)

signal.signal(signal.SIGUSR1, end)
end_with_dvc()
print(os.getpid(), flush=True)
time.sleep(60)
"""
DVC = "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"


def start(folder: Path, command: list[str], **variables: str) -> "subprocess.Popen[str]":
    (folder / "stage.py").write_text(STAGE)
    (folder / "dvc").write_text(DVC)
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | variables
    environment = {name: value for name, value in environment.items() if name != "DVC_STAGE" or name in variables}
    return subprocess.Popen(
        [sys.executable, str(folder / "dvc"), *command],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("shell", [False, True])
def test_a_stage_ends_with_its_dvc(tmp_path: Path, number: signal.Signals, shell: bool) -> None:
    stage = [sys.executable, str(tmp_path / "stage.py")]
    with start(tmp_path, ["/bin/sh", "-c", f"{' '.join(stage)}; true"] if shell else stage, DVC_STAGE="train") as dvc:
        assert dvc.stdout is not None
        assert int(dvc.stdout.readline()) != dvc.pid
        dvc.send_signal(number)
        assert dvc.stdout.read() == "asked to end\n", "the end of the output is the end of the stage"


@pytest.mark.parametrize("way", ["experiment", "torchrun"])
def test_a_stage_ends_with_what_started_its_parent(tmp_path: Path, way: str) -> None:
    stage = [sys.executable, str(tmp_path / "stage.py")]
    if way == "experiment":  # the outer dvc waits for one that runs the stage
        first = start(tmp_path, [sys.executable, str(tmp_path / "dvc"), *stage], DVC_STAGE="train")
    else:
        first = start(tmp_path, stage, TORCHELASTIC_RUN_ID="1")
    with first:
        assert first.stdout is not None
        assert int(first.stdout.readline()) != first.pid
        first.send_signal(signal.SIGUSR1)
        assert first.stdout.read() == "asked to end\n"


def test_a_stage_that_is_run_by_hand_goes_on(tmp_path: Path) -> None:
    with start(tmp_path, [sys.executable, str(tmp_path / "stage.py")]) as shell:
        assert shell.stdout is not None
        stage = int(shell.stdout.readline())
        threads = Path(f"/proc/{stage}/task")
        assert not threads.is_dir() or len(list(threads.iterdir())) == 1, "nothing watches"
        os.killpg(shell.pid, signal.SIGKILL)
