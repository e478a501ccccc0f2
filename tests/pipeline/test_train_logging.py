"""What loggers receive from the stages train and evaluate."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from im2latex.errors import ToolError
from im2latex.training.example_images import ExampleImage
from im2latex.training.loggers import LoggedRun, LoggerParams
from pipeline import train_logging
from tests.pipeline.conftest import run

DATA_STAGES = ("normalize", "render", "tokenize", "filter", "bucket")


class RecordingLogger:
    """A logger that records what it receives, and the rows before it."""

    def __init__(self, run: LoggedRun, past: Sequence[Mapping[str, float]]) -> None:
        self.run, self.past = run, list(past)
        self.rows: list[Mapping[str, float]] = []
        self.examples: dict[int, Sequence[ExampleImage]] = {}
        self.test_scores: Mapping[str, float] = {}
        self.ended: Path | None = None

    def log_metrics(self, row: Mapping[str, float]) -> None:
        self.rows.append(row)

    def log_examples(self, samples: int, examples: Sequence[ExampleImage]) -> None:
        self.examples[samples] = examples

    def log_test_scores(self, samples: int, scores: Mapping[str, float]) -> None:
        self.test_scores = {"samples": samples, **scores}

    def finalize(self, checkpoint: Path | None) -> None:
        self.ended = checkpoint


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[RecordingLogger]:
    found: list[RecordingLogger] = []

    def open_one(
        params: LoggerParams, cache: Path, run: LoggedRun, past: Sequence[Mapping[str, float]] = ()
    ) -> list[RecordingLogger]:
        found.append(RecordingLogger(run, past))
        return found[-1:]

    monkeypatch.setattr("im2latex.training.loggers.open_loggers", open_one)
    monkeypatch.setattr("pipeline.train_logging.open_loggers", open_one)
    monkeypatch.setattr("pipeline.logged_runs.open_loggers", open_one)
    return found


def test_loggers_receive_scores_speed_examples_and_test_scores(
    project: Path,
    opened: list[RecordingLogger],
    set_params: Callable[[dict[str, Any]], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    loggers = {"tensorboard": True, "image_exact_samples": 2}
    set_params({"trainer": {"loggers": loggers}, "train": {"validation_examples": 2}})
    monkeypatch.setenv("DVC_EXP_NAME", "sooty-bats")
    answers: Iterator[float | ToolError] = iter([0.5, ToolError("pdflatex is missing")])

    def image_exact(predictions: Sequence[object], _: object) -> float:
        assert len(predictions) == 1, "as many as there are"
        if isinstance(answer := next(answers), ToolError):
            raise answer
        return answer

    monkeypatch.setattr(train_logging, "image_exact", image_exact)
    run(*DATA_STAGES, "train")
    [training] = opened
    assert training.run.name == "sooty-bats"
    assert training.run.config["seed"] == 3
    shown = {"val_bleu", "val_exact", "learning_rate", "gradient_norm", "samples_per_second"}
    assert all(shown <= row.keys() for row in training.rows)
    assert training.rows[0]["val_image_exact"] == 0.5
    assert "val_image_exact is not logged: pdflatex is missing" in capsys.readouterr().out
    assert training.examples.keys() == {row["samples"] for row in training.rows}
    for examples in training.examples.values():
        assert [one.picture.shape[2] for one in examples] == [3]
        assert all(one.reference for one in examples)
    assert training.ended == Path("data/train")
    log = Path("data/train/log.jsonl").read_text()
    assert "samples_per_second" not in log, "it would differ from run to run"
    assert "val_bleu" in log

    run("predict", "evaluate")
    evaluation = opened[-1]
    assert evaluation.run == training.run
    assert evaluation.test_scores["samples"] == training.rows[-1]["samples"]
    assert {"bleu", "image_exact", "exact"} <= evaluation.test_scores.keys()


def test_a_resumed_run_has_the_name_and_the_rows_of_the_first_start(
    tmp_path: Path, opened: list[RecordingLogger], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_EXP_NAME", "sooty-bats")
    train_logging.RunLoggers(LoggerParams(), tmp_path, {}, [])
    monkeypatch.setenv("DVC_EXP_NAME", "print-bats")
    (tmp_path / "logged.jsonl").write_text('{"samples": 10, "samples_per_second": 7.0}\n')
    train_logging.RunLoggers(LoggerParams(), tmp_path, {}, [{"samples": 10, "val_loss": 1.0}])
    assert opened[1].run.name == "sooty-bats"
    assert opened[1].past == [{"samples": 10, "val_loss": 1.0, "samples_per_second": 7.0}]
    train_logging.RunLoggers(LoggerParams(run_name="my run"), tmp_path, {}, [])
    assert opened[2].run.name == "my run"
