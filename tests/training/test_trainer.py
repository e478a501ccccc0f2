"""What a training learns, and which of its settings have an effect."""

import copy
import itertools
import math
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.errors import ArtifactError, UsageError
from im2latex.training.checkpoint import load_checkpoint
from im2latex.training.config import TrainerParams, TrainParams
from im2latex.training.engine import DivergedRunError, TrainingEngine
from im2latex.training.state import InterruptedRunError
from im2latex.training.trainer import Trainer
from im2latex.training.validation import Validation
from tests.training.helpers import CPU, Recorder, assert_same_weights, fit, weights


def test_a_small_set_is_memorized(
    values: dict[str, dict[str, object]], shards: Path, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    values["budget"]["samples"] = 3000
    values["model"]["encoder"] = dict(values["model"]["encoder"], dropout=0.0)  # type: ignore[call-overload]
    values["model"]["decoder"] = dict(values["model"]["decoder"], dropout=0.0)  # type: ignore[call-overload]
    changed = {"validate_every_samples": 3000, "validation_samples": 10, "ema_samples": 100}
    recorder = Recorder()
    fit(TrainParams.model_validate({**values, **changed}), shards, vocabulary, tmp_path, recorder)
    assert recorder.rows[-1]["val_exact"] >= 0.8
    assert recorder.rows[-1]["val_loss"] < 0.3


def test_the_best_weights_become_the_checkpoint(
    values: dict[str, object], shards: Path, vocabulary: Vocabulary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([0.5, 0.3, 0.4, 0.6])
    monkeypatch.setattr(Validation, "score", lambda *_: {"val_loss": next(scores)})
    values |= {"select_checkpoint": "best", "early_stopping_patience": 2, "validate_every_samples": 20}
    values |= {"budget": {"samples": 999}}
    recorder = Recorder()
    best = fit(TrainParams.model_validate(values), shards, vocabulary, tmp_path, recorder)
    rows = recorder.rows
    assert len(rows) == 4, "two after the best"
    assert best.counts["samples"] == rows[1]["samples"]
    saved = {name: load_checkpoint(tmp_path / name) for name in ("best", "last")}
    assert saved["last"].counts["samples"] == rows[3]["samples"]
    assert_same_weights(best, saved["best"])
    assert not torch.equal(weights(saved["last"])["encoder.norm.weight"], weights(best)["encoder.norm.weight"])


def test_half_precision_trains(
    recipe: TrainParams, shards: Path, vocabulary: Vocabulary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("im2latex.training.trainer.choose_precision", lambda requested, accelerator: requested)
    recorder = Recorder()
    params = recipe.model_copy(update={"precision": "bf16-mixed"})
    network = fit(params, shards, vocabulary, tmp_path, recorder).network
    assert {weight.dtype for weight in network.parameters()} == {torch.float32}
    assert 0 < recorder.rows[-1]["train_loss"] < 5


def test_float16_trains_with_a_scaled_loss_and_resumes_exactly(
    values: dict[str, object], shards: Path, vocabulary: Vocabulary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("im2latex.training.trainer.choose_precision", lambda requested, accelerator: requested)
    values |= {"precision": "16-mixed", "budget": {"samples": 60}, "validate_every_samples": 30}
    params = TrainParams.model_validate(values)
    scales: list[float] = []
    train_step = TrainingEngine.train_step

    def overflowing(engine: TrainingEngine) -> None:
        assert engine.state.scaler
        if engine.state.step == 1 and engine.state.scaler.get_scale() == 2.0**16:
            engine.state.scaler.update(2.0**40)  # the gradient of the next step is infinite
        train_step(engine)
        scales.append(engine.state.scaler.get_scale())

    monkeypatch.setattr(TrainingEngine, "train_step", overflowing)
    recorder = Recorder()
    whole = fit(params, shards, vocabulary, tmp_path / "whole", recorder)
    assert scales[0] == 2.0**16
    assert scales[1] == 2.0**39, "halved, once for all optimizers"
    assert all(math.isfinite(value) for row in recorder.rows for value in row.values())

    def stop(_: object) -> None:
        if len(resumed.rows) == 1:
            os.kill(os.getpid(), signal.SIGUSR1)

    resumed = Recorder(stop)
    with pytest.raises(InterruptedRunError):
        fit(params, shards, vocabulary, tmp_path / "parts", resumed)
    again = fit(params, shards, vocabulary, tmp_path / "parts", resumed)
    assert resumed.rows == recorder.rows
    assert_same_weights(whole, again)


def test_a_gradient_that_is_not_a_number_leaves_out_the_step_of_all_optimizers(
    values: dict[str, object], shards: Path, vocabulary: Vocabulary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("im2latex.training.trainer.choose_precision", lambda requested, accelerator: requested)
    values |= {"precision": "16-mixed", "budget": {"samples": 60}, "validate_every_samples": 60}
    before: list[dict[str, torch.Tensor]] = []
    train_step = TrainingEngine.train_step

    def undefined(engine: TrainingEngine) -> None:
        if engine.state.step != 1:
            train_step(engine)
            return
        first = next(engine.network.parameters())
        hook = first.register_hook(lambda gradient: gradient * torch.nan)
        earlier = copy.deepcopy(dict(engine.network.named_parameters()))
        train_step(engine)
        hook.remove()
        assert len(engine.state.optimizers) == 2
        for name, weight in engine.network.named_parameters():
            assert torch.equal(weight, earlier[name]), name
        before.append(earlier)

    monkeypatch.setattr(TrainingEngine, "train_step", undefined)
    trained = fit(TrainParams.model_validate(values), shards, vocabulary, tmp_path)
    assert len(before) == 1
    assert all(bool(weight.isfinite().all()) for weight in weights(trained).values())


def test_the_same_seed_gives_the_same_weights_and_another_does_not(
    recipe: TrainParams, shards: Path, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    other = recipe.model_copy(update={"seed": 4})
    first, again, different = (
        weights(fit(params, shards, vocabulary, tmp_path / name))["decoder.embedding.weight"]
        for name, params in (("1", recipe), ("2", recipe), ("3", other))
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, different)


@pytest.mark.parametrize(
    "change",
    [
        {"scheduled_sampling": {"decay": "exponential", "k": 0.5, "step_samples": 10}},
        {"attention_penalty": {"weight": 0.1, "target": 5.27}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_a_family_adds_to_training_has_an_effect(
    values: dict[str, object], shards: Path, vocabulary: Vocabulary, tmp_path: Path, change: dict[str, object]
) -> None:
    plain, changed = (
        weights(fit(TrainParams.model_validate(given), shards, vocabulary, tmp_path / name))
        for name, given in (("plain", values), ("changed", values | change))
    )
    assert not torch.equal(plain["decoder.embedding.weight"], changed["decoder.embedding.weight"])


def test_a_loss_that_is_not_finite_names_the_batch(
    values: dict[str, dict[str, object]], shards: Path, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    values["optimizer"] = dict(values["optimizer"], learning_rate=1e30, hidden_learning_rate=1e30)
    with pytest.raises(DivergedRunError, match=r"the loss is .* with [0-9a-f]{32}") as caught:
        fit(TrainParams.model_validate(values), shards, vocabulary, tmp_path)
    batch = torch.load(tmp_path / "bad_batch.pt", weights_only=True)
    assert all(name in str(caught.value) for name in batch["ids"][:4])
    assert len(batch["images"]) == len(batch["tokens"]) == len(batch["ids"])
    assert str(tmp_path / "bad_batch.pt") in str(caught.value)


def test_the_state_of_another_run_is_refused(
    recipe: TrainParams, shards: Path, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    fit(recipe, shards, vocabulary, tmp_path)
    with pytest.raises(ArtifactError, match="another|other"):
        Trainer(recipe, shards, vocabulary, "other data", tmp_path, settings=CPU).fit()


def test_processes_that_do_not_see_the_same_state_are_refused(
    recipe: TrainParams, shards: Path, vocabulary: Vocabulary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of_two(_: object, value: int, reduction: str) -> int:
        return max(value, 30) if reduction == "max" else value

    monkeypatch.setattr("im2latex.training.trainer.over_processes", of_two)
    with pytest.raises(UsageError, match=r"run of 30 samples for one process and of 0 for another; set IM2LATEX_STATE"):
        fit(recipe, shards, vocabulary, tmp_path)


def test_rows_have_no_times(recipe: TrainParams, shards: Path, vocabulary: Vocabulary, tmp_path: Path) -> None:
    recorder = Recorder()
    fit(recipe, shards, vocabulary, tmp_path, recorder)
    rows = recorder.rows
    assert [row["samples"] for row in rows] == sorted(row["samples"] for row in rows)
    assert set(rows[-1]) == {
        *("samples", "learning_rate", "train_loss", "gradient_norm"),
        *("val_loss", "val_token_error", "val_exact", "val_bleu"),
    }


def test_the_state_is_saved_when_it_is_too_old(
    values: dict[str, object], shards: Path, vocabulary: Vocabulary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    minutes = itertools.count()  # the clock advances a minute whenever it is read
    monkeypatch.setattr("im2latex.training.trainer.time.monotonic", lambda: 60.0 * next(minutes))
    saved: list[int] = []
    save = Trainer.save

    def recorded(trainer: Trainer) -> None:
        saved.append(trainer.engine.state.step)
        save(trainer)

    monkeypatch.setattr(Trainer, "save", recorded)
    values |= {"validate_every_samples": 10**6, "budget": {"samples": 300}}
    settings = TrainerParams(accelerator="cpu", save_every_minutes=5)
    fit(TrainParams.model_validate(values), shards, vocabulary, tmp_path, settings=settings)
    steps = saved[:-2]  # the last two are before and after the validation at the end
    assert len(steps) >= 5
    assert all(later - earlier <= 5 for earlier, later in itertools.pairwise(steps))


def test_the_ctc_loss_may_end_early(
    values: dict[str, object], shards: Path, vocabulary: Vocabulary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[float] = []
    loss = TrainingEngine._loss

    def recorded(engine: TrainingEngine, *arguments: Any) -> torch.Tensor:
        used.append(engine.budget_used)
        return loss(engine, *arguments)

    monkeypatch.setattr(TrainingEngine, "_loss", recorded)
    ctc: list[float] = []

    def counted(*_: object) -> torch.Tensor:
        ctc.append(1)
        return torch.zeros((), requires_grad=True)

    monkeypatch.setattr("im2latex.training.engine.ctc_loss", counted)
    values |= {"ctc_until": 0.5, "budget": {"samples": 60}}
    fit(TrainParams.model_validate(values), shards, vocabulary, tmp_path)
    assert len(ctc) == sum(share < 0.5 for share in used)
    assert 0 < len(ctc) < len(used)


def test_batch_norms_are_estimated_for_the_average(
    values: dict[str, object], shards: Path, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    norms: list[torch.Tensor] = []
    for count in (0, 20):
        params = TrainParams.model_validate(values | {"batch_norm_samples": count})
        network = fit(params, shards, vocabulary, tmp_path / str(count)).network
        norms.append(network.state_dict()["encoder.stages.1.running_mean"])
        assert not any(module.training for module in network.modules())
    assert not torch.equal(norms[0], norms[1])
    assert torch.isfinite(norms[1]).all()


def test_progress_is_printed_line_by_line(
    values: dict[str, object], shards: Path, vocabulary: Vocabulary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values |= {"validate_every_samples": 10**6, "budget": {"samples": 300}}
    seconds = itertools.count(step=4)
    monkeypatch.setattr("im2latex.training.trainer.time.monotonic", lambda: float(next(seconds)))
    recorder = Recorder()
    fit(TrainParams.model_validate(values), shards, vocabulary, tmp_path, recorder)
    lines = [text for text in recorder.messages if "samples/s" in text]
    assert len(lines) >= 5
    pattern = r"\d+ samples, \d+\.\d% of the budget, \d\.\d samples/s, \d:\d\d:\d\d left"
    assert all(re.fullmatch(pattern, line) for line in lines)
    shares = [float(line.split()[2].rstrip("%")) for line in lines]
    assert shares == sorted(shares)
