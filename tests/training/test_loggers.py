"""Metrics log and loggers; each extra is tested where it is installed, Weights & Biases with a fake module."""

import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from im2latex.errors import InputError, ToolError, UsageError
from im2latex.training.example_images import ExampleImage
from im2latex.training.loggers import LoggedRun, LoggerParams, MetricsLog, download_checkpoint, open_loggers, run_name

ROWS: list[dict[str, float]] = [{"samples": 10 * place, "val_loss": 3.0 - place} for place in (1, 2)]
RUN = LoggedRun("fast-tiny-abc", "first try", {"seed": 3})
EXAMPLE = ExampleImage("0123456789", np.full((8, 16, 3), 200, np.uint8), "x", "y")
OFFLINE = LoggerParams(wandb="offline", wandb_project="formulas")


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = tmp_path / "train"
    folder.mkdir()
    for name in ("model.safetensors", "checkpoint.json", "log.jsonl"):
        (folder / name).write_text(name)
    return folder


class FakeRun:
    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings, self.id = settings, settings["id"]
        self.rows: list[tuple[int, dict[str, Any]]] = []
        self.artifacts: list[FakeArtifact] = []
        self.exit_code: int | None = None
        self.summary: dict[str, float] = {}

    def log(self, row: dict[str, Any], step: int) -> None:
        self.rows.append((step, row))

    def log_artifact(self, artifact: "FakeArtifact") -> None:
        self.artifacts.append(artifact)

    def logged_artifacts(self) -> list["FakeArtifact"]:
        return self.artifacts

    def finish(self, exit_code: int) -> None:
        self.exit_code = exit_code


class FakeArtifact:
    def __init__(self, name: str, type: str) -> None:
        self.name, self.type = name, type
        self.files: dict[str, str] = {}

    def add_file(self, path: str) -> None:
        self.files[Path(path).name] = Path(path).read_text()

    def get_entry(self, name: str) -> SimpleNamespace:
        if name not in self.files:
            raise KeyError(name)
        return SimpleNamespace(download=lambda root: (Path(root) / name).write_text(self.files[name]))


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> list[FakeRun]:
    """A module `wandb` that remembers its runs, and answers for them by their path."""
    module: Any = ModuleType("wandb")
    runs: list[FakeRun] = []

    def init(**settings: Any) -> FakeRun:
        if settings["mode"] == "online":
            raise module.errors.Error("no API key")
        runs.append(FakeRun(settings))
        return runs[-1]

    def find(path: str) -> FakeRun:
        for run in runs:
            if path == f"team/{run.settings['project']}/{run.id}":
                return run
        raise module.errors.Error(f"could not find {path}")

    module.Image = lambda picture, caption: (picture.shape, caption)
    module.init, module.Artifact, module.errors = init, FakeArtifact, SimpleNamespace(Error=type("E", (Exception,), {}))
    module.Api = lambda: SimpleNamespace(run=find)
    monkeypatch.setitem(sys.modules, "wandb", module)
    return runs


def test_a_run_there_and_back(fake: list[FakeRun], checkpoint: Path, tmp_path: Path) -> None:
    [logger] = open_loggers(OFFLINE, tmp_path / "cache", RUN, ROWS[:1])
    assert fake == [], "nothing begins before the first row"
    logger.log_metrics(ROWS[1])
    logger.log_examples(20, [EXAMPLE])
    logger.finalize(checkpoint)
    [run] = fake
    assert (run.settings["id"], run.settings["name"]) == ("fast-tiny-abc", "first try")
    assert run.settings["config"] == {"seed": 3}
    assert run.rows.pop() == (20, {"examples": [((8, 16, 3), "x\ny")]})
    assert run.settings["dir"] == str(tmp_path / "cache")
    assert run.rows == [(10, {"val_loss": 2.0}), (20, {"val_loss": 1.0})]
    assert run.exit_code == 0
    into = download_checkpoint("team/formulas/fast-tiny-abc", tmp_path / "into")
    assert sorted(path.name for path in into.iterdir()) == ["checkpoint.json", "model.safetensors"]
    [logger] = open_loggers(OFFLINE, tmp_path / "cache", RUN)
    logger.log_test_scores(20, {"bleu": 0.5})
    assert fake[1].settings["id"] == run.id, "the same run"
    assert fake[1].summary == {"test/bleu": 0.5, "samples": 20}


def test_what_cannot_be_had_is_one_sentence(fake: list[FakeRun], tmp_path: Path) -> None:
    [logger] = open_loggers(OFFLINE, tmp_path, RUN, [])
    logger.log_metrics(ROWS[0])
    logger.finalize(None)
    assert fake[0].exit_code == 1
    with pytest.raises(InputError, match="no checkpoint"):
        download_checkpoint("team/formulas/fast-tiny-abc", tmp_path / "into")
    with pytest.raises(ToolError, match="could not find"):
        download_checkpoint("team/formulas/other", tmp_path / "into")
    [logger] = open_loggers(LoggerParams(wandb="online"), tmp_path, RUN, [])
    with pytest.raises(ToolError, match=r"no API key; .*offline"):
        logger.log_metrics(ROWS[0])


@pytest.mark.parametrize(
    "run",
    ["a/b/..", "a/b/.", "a/b/", "a/b", "a/../b", "/a/b", "a/b/c/d", "a/b/c\\d", "a/b/c d", ".a/b/c", "a/b/\n"],
)
def test_a_run_is_named_in_three_parts(fake: list[FakeRun], tmp_path: Path, run: str) -> None:
    """Its last part names a folder."""
    with pytest.raises(UsageError, match="write wandb:ENTITY/PROJECT/RUN"):
        run_name(run)
    with pytest.raises(UsageError, match="write wandb:ENTITY/PROJECT/RUN"):
        download_checkpoint(run, tmp_path / "into")
    assert list(tmp_path.iterdir()) == []


def test_only_the_files_of_a_checkpoint_are_taken(fake: list[FakeRun], checkpoint: Path, tmp_path: Path) -> None:
    [logger] = open_loggers(OFFLINE, tmp_path / "cache", RUN, [])
    logger.log_metrics(ROWS[0])
    logger.finalize(checkpoint)
    files = fake[0].artifacts[0].files
    files["../out.txt"] = files["log.jsonl"] = "more"
    into = download_checkpoint("team/formulas/fast-tiny-abc", tmp_path / "into")
    assert sorted(path.name for path in into.iterdir()) == ["checkpoint.json", "model.safetensors"]
    assert not (tmp_path / "out.txt").exists()
    del files["checkpoint.json"]
    with pytest.raises(InputError, match="is no checkpoint: it lacks the file 'checkpoint.json'"):
        download_checkpoint("team/formulas/fast-tiny-abc", tmp_path / "into")


@pytest.mark.parametrize(("name", "params"), [("wandb", OFFLINE), ("tensorboard", LoggerParams(tensorboard=True))])
def test_a_missing_extra_is_named_before_the_training(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, params: LoggerParams
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ToolError, match=rf"pip install 'im2latex\[{name}\]'"):
        open_loggers(params, tmp_path, RUN, [])
    assert open_loggers(LoggerParams(), tmp_path, RUN, []) == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_event_files_hold_one_whole_curve_with_examples_parameters_and_test_scores(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    again: dict[str, float] = {"samples": 20, "val_loss": 1.5}
    folder = tmp_path / "tensorboard" / "first_try-ny-abc"
    for past, rest in (([], [*ROWS]), (ROWS[:1], [again])):  # stopped, and resumed before the last row
        [logger] = open_loggers(LoggerParams(tensorboard=True), tmp_path, RUN, past)
        for row in rest:
            logger.log_metrics(row)
            logger.log_examples(int(row["samples"]), [EXAMPLE])
        logger.finalize(tmp_path if past else None)
        time.sleep(1.1)  # event files are read in the order of their names, which have seconds
    open_loggers(LoggerParams(tensorboard=True), tmp_path, RUN)[0].log_test_scores(20, {"bleu": 0.5})
    events = EventAccumulator(str(folder)).Reload()
    assert [(point.step, point.value) for point in events.Scalars("val_loss")] == [(10, 2.0), (20, 1.5)]
    assert [(image.step, image.width, image.height) for image in events.Images("examples/01234567")] == [
        (10, 16, 8),
        (20, 16, 8),
    ]
    assert b"prediction: y" in events.Tensors("examples/01234567/text_summary")[0].tensor_proto.string_val[0]
    assert [(point.step, point.value) for point in events.Scalars("test/bleu")] == [(20, 0.5)]
    hyperparameters = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    assert b"seed" in hyperparameters

    [logger] = open_loggers(LoggerParams(tensorboard=True), tmp_path, RUN)  # it starts anew
    logger.log_metrics(ROWS[0])
    logger.finalize(None)
    assert [point.step for point in EventAccumulator(str(folder)).Reload().Scalars("val_loss")] == [10]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_rows_before_the_logger_was_switched_on_are_in_the_event_file(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    [logger] = open_loggers(LoggerParams(tensorboard=True), tmp_path, RUN, ROWS[:1])
    logger.log_metrics(ROWS[1])
    logger.finalize(None)
    events = EventAccumulator(str(tmp_path / "tensorboard" / RUN.folder)).Reload()
    assert [point.step for point in events.Scalars("val_loss")] == [10, 20]


@pytest.mark.filterwarnings("ignore")
def test_weights_and_biases_takes_a_run_offline(checkpoint: Path, tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    [logger] = open_loggers(OFFLINE, tmp_path / "cache", RUN, [])
    for row in ROWS:
        logger.log_metrics(row)
        logger.log_examples(int(row["samples"]), [EXAMPLE])
    logger.finalize(checkpoint)
    [folder] = (tmp_path / "cache" / "wandb").glob("offline-run-*-fast-tiny-abc")
    assert (folder / "run-fast-tiny-abc.wandb").stat().st_size > 0
    assert len(list((folder / "files" / "media" / "images").rglob("*.png"))) == 2


def test_rows_that_are_logged_again_are_replaced(tmp_path: Path) -> None:
    path = tmp_path / "new" / "samples.jsonl"
    log = MetricsLog(path)
    for samples in (10, 20, 30):
        log.add([{"samples": samples, "id": name, "text": f"é{samples}"} for name in "ab"])
    MetricsLog(path).add([{"samples": 20, "id": "a", "text": "again"}])
    resumed = MetricsLog(path)
    assert [(row["samples"], row["text"]) for row in resumed.rows] == [(10, "é10"), (10, "é10"), (20, "again")]
    assert path.read_text(encoding="utf-8") == resumed.text()
    resumed.add([])
    assert len(resumed.rows) == 3


@pytest.mark.parametrize(
    "damage",
    [
        b'{"samples": 30, "text',
        b'{"samples": 30, "text": "\xe9"}\n',
        b"\0" * 100,
        b"[1]\n",
        b"{}\n",
        b'{"samples": "x"}\n',
        b"[" * 100_000,
        b"\n\n",
        b"",
    ],
)
def test_damaged_lines_are_skipped(tmp_path: Path, damage: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "samples.jsonl"
    MetricsLog(path).add([{"samples": 10, "text": "a\u2028b"}, {"samples": 20, "text": "c"}])
    whole = path.read_bytes()
    for content in (whole + damage, damage.rstrip(b"\n") + b"\n" + whole):
        path.write_bytes(content)
        log = MetricsLog(path)
        assert [row["samples"] for row in log.rows] == [10, 20]
        assert ("1 damaged lines" in capsys.readouterr().err) == bool(damage.strip())
        log.add([{"samples": 30}])
        assert [row["samples"] for row in MetricsLog(path).rows] == [10, 20, 30]
