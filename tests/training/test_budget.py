"""When a training ends: by samples, or by a clock."""

import itertools
import os
import signal
from pathlib import Path

import pytest
import torch

from im2latex.config import load_section
from im2latex.dataset.vocabulary import Vocabulary
from im2latex.errors import UsageError
from im2latex.training.callbacks import MetricsRow
from im2latex.training.config import DEFAULT_SAMPLES, BudgetParams, TrainParams, clock_warning, is_clock_bound
from im2latex.training.state import InterruptedRunError
from im2latex.training.trainer import Trainer
from im2latex.training.validation import Validation
from tests.training.helpers import CPU, Recorder, assert_same_weights, fit


def test_minutes_become_samples_once(
    values: dict[str, dict[str, object]],
    shards: Path,
    vocabulary: Vocabulary,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ticks = itertools.count(step=0.1)  # a step takes a tenth of a second, however busy the machine is
    monkeypatch.setattr("im2latex.training.trainer.time.perf_counter", lambda: next(ticks))
    values["budget"] = {"samples": 10**6, "minutes": 0.05}
    recipe = TrainParams.model_validate(values)
    totals: list[int] = []

    def stop(row: MetricsRow) -> None:
        totals.append(int(row["samples"]))
        if len(totals) == 1:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(InterruptedRunError):
        fit(recipe, shards, vocabulary, tmp_path, Recorder(stop))
    saved = torch.load(tmp_path / "state.pt", weights_only=True)["total"]
    counts = fit(recipe, shards, vocabulary, tmp_path, Recorder(stop)).counts
    assert counts["sample_budget"] == saved
    assert saved == pytest.approx(30 * 20 / 3, rel=0.05), "thirty steps, of twenty samples in three batches"
    assert counts["samples"] >= saved


def test_a_larger_budget_continues_with_the_optimizers(
    values: dict[str, object], shards: Path, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    values |= {"schedule": {"warmup_samples": 20, "decay": "constant"}, "validate_every_samples": 40}
    whole, first, second = (
        TrainParams.model_validate(values | {"budget": {"samples": samples}}) for samples in (120, 80, 120)
    )
    expected = fit(whole, shards, vocabulary, tmp_path / "whole")
    fit(first, shards, vocabulary, tmp_path / "parts")
    trainer = Trainer(second, shards, vocabulary, "data", tmp_path / "parts", settings=CPU)
    found = trainer.fit()
    assert found.counts == expected.counts
    assert_same_weights(expected, found)
    assert trainer.earlier_budgets == [{"samples": 80, "sample_budget": 80}]
    with pytest.raises(UsageError, match="has a run of 120 samples, and train.budget allows 80; set a larger budget"):
        fit(first, shards, vocabulary, tmp_path / "parts")


def test_a_deadline_ends_the_run_at_a_rate_of_zero(
    values: dict[str, object], shards: Path, vocabulary: Vocabulary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = itertools.count()
    monkeypatch.setattr("im2latex.training.engine.time.monotonic", lambda: float(next(seconds)))
    values |= {"budget": {"deadline_seconds": 40}, "ctc_until": 0.3}
    recorder = Recorder()
    checkpoint = fit(TrainParams.model_validate(values), shards, vocabulary, tmp_path, recorder)
    assert 10 <= checkpoint.counts["steps"] <= 40
    assert recorder.rows[-1]["samples"] == checkpoint.counts["samples"]
    assert recorder.rows[-1]["learning_rate"] == 0


def test_a_run_that_its_deadline_has_ended_is_not_continued_by_the_same_budget(
    values: dict[str, object], shards: Path, vocabulary: Vocabulary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = itertools.count()
    monkeypatch.setattr("im2latex.training.engine.time.monotonic", lambda: float(next(seconds)))
    params = TrainParams.model_validate(values | {"budget": {"deadline_seconds": 20}})
    first, again = (fit(params, shards, vocabulary, tmp_path) for _ in range(2))
    assert again.counts == first.counts
    longer = TrainParams.model_validate(values | {"budget": {"deadline_seconds": 30}})
    assert fit(longer, shards, vocabulary, tmp_path).counts["samples"] > first.counts["samples"]


def test_a_larger_budget_continues_what_early_stopping_has_ended(
    values: dict[str, object], shards: Path, vocabulary: Vocabulary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Validation, "score", lambda *_: {"val_loss": 1.0})
    values |= {"early_stopping_patience": 2, "validate_every_samples": 20}
    first, second = (TrainParams.model_validate(values | {"budget": {"samples": samples}}) for samples in (400, 800))
    stopped = fit(first, shards, vocabulary, tmp_path)
    assert stopped.counts["samples"] == 60
    assert fit(first, shards, vocabulary, tmp_path).counts == stopped.counts
    smaller = TrainParams.model_validate(values | {"budget": {"samples": 200}})
    assert fit(smaller, shards, vocabulary, tmp_path).counts["samples"] == 60
    assert fit(second, shards, vocabulary, tmp_path).counts["samples"] == 100, "until the patience has ended again"


def test_a_run_beyond_a_budget_of_samples_and_minutes_is_refused(
    values: dict[str, object], shards: Path, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    fit(TrainParams.model_validate(values | {"budget": {"samples": 60}}), shards, vocabulary, tmp_path)
    smaller = TrainParams.model_validate(values | {"budget": {"samples": 40, "minutes": 5}})
    with pytest.raises(UsageError, match="has a run of 60 samples, and train.budget allows 40"):
        fit(smaller, shards, vocabulary, tmp_path)


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        ({"samples": 1234}, None),
        ({"epochs": 2}, None),
        ({"samples": 1234, "minutes": 3}, None),
        ({"minutes": 3}, ("minutes = 3", "1,234 samples", "37,000", "train.budget.samples = 1234")),
        ({"samples": 9, "deadline_seconds": 60}, ("deadline_seconds = 60", "37,000")),
    ],
)
def test_a_budget_by_the_clock_warns_with_its_numbers(budget: dict[str, float], words: tuple[str, ...] | None) -> None:
    params = BudgetParams.model_validate(budget)
    warning = clock_warning(params, 1234, split_size=617)
    assert is_clock_bound(params, 1234, split_size=617) == (words is not None)
    assert all(word in (warning or "") for word in words) if words else warning is None


def test_params_have_the_default_budget() -> None:
    budget = load_section("train", TrainParams, Path(__file__).parents[2] / "params.yaml").budget
    assert budget.model_dump(exclude_none=True) == {"samples": DEFAULT_SAMPLES}
