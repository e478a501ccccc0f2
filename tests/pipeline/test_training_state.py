"""A state folder serves one training at a time, and goes when DVC has recorded what the training made."""

import hashlib
from pathlib import Path

import pytest
import yaml

from pipeline import training_state
from pipeline.training_state import METRICS, mark_finished, prepare


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


def test_the_snapshots_of_another_training_remain() -> None:
    other, own = finished("other", "1"), finished("own", "2")
    (other / "snapshots" / "5").mkdir(parents=True)
    record("1")
    prepare(own, BUDGET, 37, quiet)
    assert [path.name for path in other.iterdir()] == ["snapshots"]


def test_a_training_that_starts_anew_has_no_snapshots_of_the_one_before() -> None:
    folder = finished("own", "1")
    (folder / "snapshots" / "5").mkdir(parents=True)
    record("1")
    prepare(finished("other", "2"), BUDGET, 37, quiet)
    assert [path.name for path in folder.iterdir()] == ["snapshots"]
    messages: list[str] = []
    prepare(folder, BUDGET, 37, messages.append)
    assert list(folder.iterdir()) == []
    assert messages == [f"{folder}: training anew; its snapshots, of an earlier training, are removed"]


def test_the_run_with_the_initial_weights_stays() -> None:
    earlier, own = finished("earlier", "1"), finished("own", "2")
    record("1")
    for name in (earlier / "last", (earlier / "last").absolute()):
        prepare(own, BUDGET, 37, quiet, name)
        assert kept(earlier)
    prepare(own, BUDGET, 37, quiet)
    assert not earlier.exists()


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
