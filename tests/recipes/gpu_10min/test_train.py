"""A miniature run: the state in OUT is complete at any moment, and a run resumes from it."""

import itertools
import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from im2latex.errors import ArtifactError, InputError
from im2latex.training.checkpoint import Checkpoint, load_checkpoint
from im2latex.training.engine import TrainingEngine
from recipes.gpu_10min import output, render, train
from recipes.gpu_10min.output import STATE, OutputFolder, join, replace_folder

OUT, WORK = Path("out"), Path("images")


@pytest.fixture
def rendered(packed: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All images are rendered, and no process renders; every call of the clock advances it by a quarter of a second."""
    render.main(Path("data"), WORK)

    @contextmanager
    def ended(work: Path) -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(poll=lambda: 0, returncode=0)

    monkeypatch.setattr(train, "_render_process", ended)
    clock = itertools.count(1000.0, 0.25)
    monkeypatch.setattr("recipes.gpu_10min.train.time", SimpleNamespace(time=lambda: next(clock), sleep=lambda _: None))
    return packed


def train_until_deadline(start: Path | None = None) -> None:
    train.main(OUT, WORK, 1035.0, start, min_images=30, reserve=5, save_every=3)


def events() -> list[str]:
    rows = map(json.loads, (OUT / "curve.jsonl").read_text().splitlines())
    return [row["event"] for row in rows if "event" in row]


def joined(state: Path) -> Checkpoint:
    join(state, Path("joined"))
    return load_checkpoint(Path("joined"))


def test_weights_momentum_and_results_are_written(rendered: Path) -> None:
    train_until_deadline()
    assert events() == ["ready", "first step", "trained", "validated"]
    results = json.loads((OUT / "results.json").read_text())
    assert results["samples"] == joined(OUT / STATE).counts["samples"] > 0
    assert joined(OUT / STATE).images == {"dpi": 200, "padding_px": 8, "downsample": 2}
    assert results["samples_per_second"] > 0
    assert {"val_loss", "devices"} <= results.keys()
    assert results["rejected"] == 1
    files = [path for path in OUT.rglob("*") if path.is_file()]
    assert len(files) <= 8
    assert max(path.stat().st_size for path in files) <= 16 * 2**20
    assert sum(path.stat().st_size for path in files) <= 64 * 2**20


def test_a_run_resumes_with_weights_and_momentum(rendered: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train_until_deadline()
    (OUT / STATE).rename("earlier")
    first: list[dict[str, Any]] = []
    save = OutputFolder.save

    def spy(self: OutputFolder, engine: TrainingEngine) -> int:
        first.append(engine.optimizer_state())
        return save(self, engine)

    monkeypatch.setattr(OutputFolder, "save", spy)
    train_until_deadline(Path("earlier"))
    assert first[0], "the optimizers begin with something"
    [before] = joined(OUT / STATE).started_from
    assert before.samples == joined(Path("earlier")).counts["samples"]


def test_a_run_starts_from_a_checkpoint_folder(rendered: Path) -> None:
    train_until_deadline()
    before = joined(OUT / STATE)
    shutil.rmtree(OUT)
    train_until_deadline(Path("joined"))
    after = joined(OUT / STATE)
    assert [one.samples for one in after.started_from] == [before.counts["samples"]]
    assert {path.name for path in (OUT / STATE).iterdir()} == {"checkpoint.json", "weights-0", "momentum-0"}


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_signal_to_stop_saves_the_current_weights(
    rendered: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    step = TrainingEngine.train_step

    def signalled(engine: TrainingEngine) -> None:
        step(engine)
        if engine.state.step == 4:
            for _ in range(times):
                os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(TrainingEngine, "train_step", signalled)
    train_until_deadline()
    assert events()[-1] == "trained", "nothing is validated when time is short"
    assert joined(OUT / STATE).counts["steps"] == 4


def test_a_stop_before_the_first_step(rendered: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def drawing(work: Path) -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(poll=lambda: os.kill(os.getpid(), signal.SIGTERM), returncode=None)

    monkeypatch.setattr("recipes.gpu_10min.images.StreamingBatchLoader.update", lambda self: 0)
    monkeypatch.setattr(train, "_render_process", drawing)
    train_until_deadline()
    assert joined(OUT / STATE).counts["samples"] == 0


def test_a_render_process_without_images_is_an_error(
    rendered: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("recipes.gpu_10min.images.StreamingBatchLoader.update", lambda self: 0)
    with pytest.raises(SystemExit) as ended:
        train_until_deadline()
    assert ended.value.code == InputError("").exit_code
    assert "no label was rendered" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_kill_at_any_moment_leaves_a_complete_state(rendered: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten moments among all steps, renames and written files of a run; each run goes on from the one before."""
    moments = child(None, monkeypatch)
    assert moments > 30
    chosen = np.random.default_rng(7).choice(np.arange(1, moments), size=10, replace=False).tolist()
    start: Path | None = None
    for number, moment in enumerate(chosen):
        reached = child(moment, monkeypatch, start)
        assert reached == moment
        if start is None and not (OUT / STATE).exists():
            continue  # killed before there were any weights
        assert joined(OUT / STATE).counts["steps"] >= 0, "what came in is there from the beginning"
        start = Path(f"earlier-{number}")
        (OUT / STATE).rename(start)
    assert start is not None
    train_until_deadline(start)
    assert events()[-1] == "validated"
    assert joined(OUT / STATE).started_from


def child(last: int | None, monkeypatch: pytest.MonkeyPatch, start: Path | None = None) -> int:
    """Run in a process of its own that is killed at the moment `last`; returns how many moments there were."""
    counter = Path("moments")
    counter.write_text("0")
    process = os.fork()
    if not process:
        count = itertools.count(1)

        def at(function: Callable[..., Any]) -> Callable[..., Any]:
            def moment(*arguments: Any, **named: Any) -> Any:
                number = next(count)
                counter.write_text(str(number))
                if number == last:
                    os.kill(os.getpid(), signal.SIGKILL)
                return function(*arguments, **named)

            return moment

        try:
            for owner, names in (
                (TrainingEngine, ("train_step",)),
                (output, ("save_file", "save_checkpoint", "_exchange")),
                (shutil, ("rmtree", "copytree")),
                (Path, ("rename", "write_bytes")),
            ):
                for name in names:
                    monkeypatch.setattr(owner, name, at(getattr(owner, name)))
            train_until_deadline(start)
        finally:
            os._exit(0)
    _, status = os.waitpid(process, 0)
    assert os.WIFSIGNALED(status) == (last is not None)
    return int(counter.read_text())


def test_a_state_over_the_limit_is_refused_and_the_earlier_one_stays(
    rendered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_until_deadline()
    seen = joined(OUT / STATE).counts
    monkeypatch.setattr(output, "MAX_STATE_BYTES", 1000)
    with pytest.raises(ArtifactError, match="choose a smaller model"):
        OutputFolder(OUT).copy(OUT / STATE)
    assert joined(OUT / STATE).counts == seen


@pytest.mark.parametrize("exchanges", [True, False])
def test_replace_folder_with_and_without_exchange(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchanges: bool
) -> None:
    if not exchanges:
        monkeypatch.setattr(output, "_exchange", lambda one, other: False)
    for number in range(3):
        (tmp_path / "new").mkdir(exist_ok=True)
        (tmp_path / "new" / "file").write_text(str(number))
        replace_folder(tmp_path / "new", tmp_path / "place")
        assert (tmp_path / "place" / "file").read_text() == str(number)
    assert {path.name for path in tmp_path.iterdir()} <= {"new", "place"}


def test_pieces_are_joined_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "PIECE_BYTES", 10)
    whole = tmp_path / "whole"
    whole.mkdir()
    content = {name: np.random.default_rng(0).bytes(125) for name in ("model.safetensors", "momentum.safetensors")}
    for name, data in content.items():
        (whole / name).write_bytes(data)
    (whole / "checkpoint.json").write_text("{}")
    output.split(whole, tmp_path / "pieces")
    join(tmp_path / "pieces", tmp_path / "again")
    assert {name: (tmp_path / "again" / name).read_bytes() for name in content} == content
    for path in (tmp_path / "pieces").glob("momentum-*"):
        path.unlink()
    join(tmp_path / "pieces", tmp_path / "again")
    assert not (tmp_path / "again" / "momentum.safetensors").exists(), "weights alone will do"
    with pytest.raises(ArtifactError, match="no checkpoint.json"):
        join(tmp_path / "nothing", tmp_path / "again")
