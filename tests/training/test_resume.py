"""Runs that are stopped or killed anywhere resume to the same weights."""

import contextlib
import itertools
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.training.callbacks import MetricsRow
from im2latex.training.checkpoint import Checkpoint, load_checkpoint
from im2latex.training.config import TrainParams
from im2latex.training.engine import TrainingEngine
from im2latex.training.state import InterruptedRunError
from im2latex.training.validation import Validation
from tests.training.helpers import Recorder, assert_same_weights, fit

VARIANTS: dict[str, dict[str, object]] = {
    "plain": {},
    "gradient_accumulation": {"gradient_accumulation": 2},
    "best": {"select_checkpoint": "best", "monitor": "val_token_error"},
    "uniform": {"batches": {"max_images": 10, "max_pixels": 20000, "max_tokens": 200, "sampling": "uniform"}},
    "early": {
        "early_stopping_patience": 2,
        "monitor": "val_exact",
        "schedule": {"warmup_samples": 20, "decay": "plateau", "drop_patience": 0},
        "validation_samples": 1,
    },
}


class KilledError(Exception):
    """Stands for a kill: nothing is saved."""


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_run_stopped_anywhere_resumes_to_the_same_weights(
    values: dict[str, object],
    shards: Path,
    vocabulary: Vocabulary,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variant: str,
) -> None:
    values |= {"budget": {"samples": 90}, "validate_every_samples": 20, **VARIANTS[variant]}
    recipe = TrainParams.model_validate(values)
    train_step, ends = TrainingEngine.train_step, itertools.cycle([signal.SIGUSR1, None, signal.SIGTERM])
    plan: set[int] = set()

    def interrupted(engine: TrainingEngine) -> None:
        train_step(engine)
        if engine.state.step in plan:
            plan.remove(engine.state.step)
            number = next(ends)
            if number is None:
                raise KilledError
            os.kill(os.getpid(), number)

    monkeypatch.setattr(TrainingEngine, "train_step", interrupted)

    def finish(name: str, stops: set[int]) -> tuple[Checkpoint, list[MetricsRow]]:
        """Start it again until it ends by itself; rows that are repeated replace the older."""
        plan.update(stops)
        recorder = Recorder()
        for _ in range(99):
            with contextlib.suppress(InterruptedRunError, KilledError):
                checkpoint = fit(recipe, shards, vocabulary, tmp_path / name, recorder)
                return checkpoint, list({row["samples"]: row for row in recorder.rows}.values())
        raise AssertionError("never ended")

    whole, rows = finish("whole", set())
    resumed, again = finish("stopped", set(range(1, 99)))
    assert again == rows
    assert (rows[-1]["samples"] < 90) == (variant == "early"), "nothing is exact so soon"
    assert resumed.counts == whole.counts
    assert_same_weights(whole, resumed)


def signalled(
    number: signal.Signals,
    recipe: TrainParams,
    shards: Path,
    vocabulary: Vocabulary,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Recorder:
    """The record of a run that gets a signal in its second step."""
    recorder = Recorder()
    train_step = TrainingEngine.train_step

    def signalling(engine: TrainingEngine) -> None:
        if engine.state.step == 1:
            os.kill(os.getpid(), number)
        train_step(engine)

    with monkeypatch.context() as patch, contextlib.suppress(InterruptedRunError):
        patch.setattr(TrainingEngine, "train_step", signalling)
        fit(recipe, shards, vocabulary, folder, recorder)
    return recorder


def test_sigterm_stops_after_the_step(
    recipe: TrainParams, shards: Path, vocabulary: Vocabulary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = signalled(signal.SIGTERM, recipe, shards, vocabulary, tmp_path, monkeypatch)
    assert record.rows == [], "a validation that a signal requests does not count"
    assert "val_exact" in record.messages[-1]
    content = torch.load(tmp_path / "state.pt", weights_only=True)
    assert content["step"] == 2
    assert load_checkpoint(tmp_path / "last").counts["steps"] == 2


def test_sigint_validates_and_the_run_continues(
    recipe: TrainParams, shards: Path, vocabulary: Vocabulary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = signalled(signal.SIGINT, recipe, shards, vocabulary, tmp_path, monkeypatch)
    assert "val_exact" in record.messages[-1]
    undisturbed = Recorder()
    fit(recipe, shards, vocabulary, tmp_path / "other", undisturbed)
    assert record.rows == undisturbed.rows


def test_sigusr1_does_not_validate(
    recipe: TrainParams, shards: Path, vocabulary: Vocabulary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = signalled(signal.SIGUSR1, recipe, shards, vocabulary, tmp_path, monkeypatch)
    assert record.rows == []
    assert len(record.messages) == 2, "the summary and the commands"
    assert f"kill -USR1 {os.getpid()}" in record.messages[1]


def test_a_stop_saves_before_it_validates(
    recipe: TrainParams, shards: Path, vocabulary: Vocabulary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> dict[str, float]:
        raise KilledError

    monkeypatch.setattr(Validation, "score", killed)
    with pytest.raises(KilledError):
        signalled(signal.SIGTERM, recipe, shards, vocabulary, tmp_path, monkeypatch)
    assert torch.load(tmp_path / "state.pt", weights_only=True)["step"] == 2
    assert load_checkpoint(tmp_path / "last").counts["steps"] == 2


def test_a_kill_during_validation_loses_nothing(
    recipe: TrainParams, shards: Path, vocabulary: Vocabulary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Recorder()
    undisturbed = fit(recipe, shards, vocabulary, tmp_path / "whole", whole)
    score, calls = Validation.score, itertools.count()

    def killed(*arguments: Any) -> dict[str, float]:
        if next(calls) % 2 == 0:
            raise KilledError
        return score(*arguments)

    monkeypatch.setattr(Validation, "score", killed)
    recorder = Recorder()
    for _ in whole.rows:
        with pytest.raises(KilledError):
            fit(recipe, shards, vocabulary, tmp_path / "killed", recorder)
        saved = torch.load(tmp_path / "killed" / "state.pt", weights_only=True)
        assert saved["seen"] == whole.rows[len(recorder.rows)]["samples"]
    assert recorder.rows == whole.rows[:-1]
    finished = fit(recipe, shards, vocabulary, tmp_path / "killed", recorder)
    assert recorder.rows == whole.rows
    assert_same_weights(undisturbed, finished)


def test_a_run_resumes_with_its_precision(
    values: dict[str, object], shards: Path, vocabulary: Vocabulary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values |= {"precision": "auto", "budget": {"samples": 40}}
    recipe = TrainParams.model_validate(values)
    monkeypatch.setattr("im2latex.training.trainer.choose_precision", lambda requested, accelerator: "bf16-mixed")
    signalled(signal.SIGUSR1, recipe, shards, vocabulary, tmp_path, monkeypatch)
    monkeypatch.setattr("im2latex.training.trainer.choose_precision", lambda requested, accelerator: "32-true")
    assert fit(recipe, shards, vocabulary, tmp_path).recipe["precision"] == "bf16-mixed"
