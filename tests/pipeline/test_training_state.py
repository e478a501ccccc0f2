"""A state folder serves one training at a time, and goes when DVC has recorded what the training made."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from im2latex.errors import UsageError
from pipeline import training_state
from pipeline.paths import ROOT
from pipeline.training_state import METRICS, locked, mark_finished, prepare


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(training_state, "fingerprint", lambda module: "code")
    METRICS.parent.mkdir(parents=True)


BUDGET = {"samples": 37}


def quiet(text: str) -> None:
    pass


def finished(name: str, metrics: str) -> Path:
    folder = Path("state") / name
    (folder / "last").mkdir(parents=True)
    (folder / "last" / "checkpoint.json").write_text("{}")
    (folder / "state.pt").write_text("x")
    METRICS.write_text(metrics)
    mark_finished(folder, BUDGET, 37)
    return folder


def record(metrics: str, deps: str = "a") -> None:
    """What DVC does after a stage."""
    METRICS.write_text(metrics)
    digest = hashlib.md5(METRICS.read_bytes()).hexdigest()
    outs = [{"path": "data/train", "md5": "0.dir"}, {"path": METRICS.as_posix(), "md5": digest}]
    Path("dvc.lock").write_text(yaml.safe_dump({"stages": {"train": {"deps": [deps], "outs": outs}}}))


def kept(folder: Path) -> bool:
    return (folder / "state.pt").exists() and (folder / "last" / "checkpoint.json").exists()


def test_a_finished_training_is_kept_until_dvc_has_recorded_it() -> None:
    folder = finished("a", "1")
    for lock in (
        None,
        "",
        "stages: {}",
        "stages: {train: {}}",
        "stages: {train: 1}",
        "stages: {train: {outs: }}",
        ": {",
        "[]",
    ):
        if lock is not None:
            Path("dvc.lock").write_text(lock)
        prepare(folder, BUDGET, 37, quiet)
        assert kept(folder)
    record("2")
    prepare(folder, BUDGET, 37, quiet)
    assert kept(folder), "another training is recorded"
    record("1")
    prepare(folder, BUDGET, 37, quiet)
    assert not kept(folder)


def test_an_equal_training_recorded_before_is_another() -> None:
    record("1", deps="a")
    folder = finished("a", "1")
    prepare(folder, BUDGET, 37, quiet)
    assert kept(folder), "killed before DVC recorded it with its new deps"
    record("1", deps="b")
    prepare(folder, BUDGET, 37, quiet)
    assert not kept(folder)


def test_the_states_of_other_trainings_go_when_they_are_recorded() -> None:
    old, unrecorded, own = finished("old", "1"), finished("unrecorded", "2"), finished("own", "3")
    stopped = Path("state/stopped")
    stopped.mkdir()
    (stopped / "state.pt").touch()
    record("1")
    prepare(own, BUDGET, 37, quiet)
    assert not old.exists()
    assert kept(own)
    assert kept(unrecorded)
    assert stopped.exists()


def test_a_finished_training_of_other_code_is_not_reused(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = finished("a", "1")
    messages: list[str] = []
    monkeypatch.setattr(training_state, "fingerprint", lambda module: "other code")
    prepare(folder, BUDGET, 37, messages.append)
    assert not kept(folder)
    assert "training anew" in messages[0]


@pytest.mark.parametrize(("recorded", "limit", "stays"), [(True, 90, True), (True, 20, False), (False, 90, False)])
def test_only_the_recorded_training_continues_and_only_with_a_larger_budget(
    recorded: bool, limit: int, stays: bool
) -> None:
    folder = finished("a", "1")
    if recorded:
        record("1")
    prepare(folder, {"samples": limit}, limit, quiet)
    assert kept(folder) == stays
    assert not (folder / "outputs.json").exists()


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"metrics": "x"}'])
def test_a_note_that_is_cut_off_says_nothing(content: str) -> None:
    folder = finished("a", "1")
    (folder / "outputs.json").write_text(content)
    record("1")
    prepare(folder, BUDGET, 37, quiet)
    assert kept(folder)


def test_drafts_of_killed_processes_are_removed() -> None:
    folder = finished("a", "1")
    drafts = [folder / ".state.pt.123", folder / "last" / ".model.safetensors.123"]
    for draft in drafts:
        draft.touch()
    prepare(folder, BUDGET, 37, quiet)
    assert not any(draft.exists() for draft in drafts)
    assert kept(folder)


HOLD = """
import sys, time
from pathlib import Path
from pipeline.training_state import locked
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
        assert not training_state._same_file(gone, folder / "lock")
        with locked(folder, quiet, 0):
            assert not training_state._same_file(gone, folder / "lock")
