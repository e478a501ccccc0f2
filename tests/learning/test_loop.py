import contextlib
import itertools
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.errors import ArtifactError
from im2latex.learning.checkpoint import Checkpoint, load_checkpoint
from im2latex.learning.loop import train
from im2latex.learning.recipe import TrainParams
from im2latex.learning.run import DivergedRunError, Run
from im2latex.learning.state import InterruptedRunError
from im2latex.learning.validation import Validation

Row = dict[str, float]


def weights(checkpoint: Checkpoint) -> dict[str, torch.Tensor]:
    return dict(checkpoint.network.state_dict())


def test_a_small_set_is_learnt_by_heart(
    values: dict[str, dict[str, object]], shards: Path, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    values["budget"]["samples"] = 3000
    values["model"]["encoder"] = dict(values["model"]["encoder"], dropout=0.0)  # type: ignore[call-overload]
    values["model"]["decoder"] = dict(values["model"]["decoder"], dropout=0.0)  # type: ignore[call-overload]
    changed = {"validate_every_samples": 3000, "validation_samples": 10, "ema_samples": 100}
    rows: list[Row] = []
    recipe = TrainParams.model_validate({**values, **changed})
    train(recipe, shards, vocabulary, "data", tmp_path, rows.append)
    assert rows[-1]["val_exact"] >= 0.8
    assert rows[-1]["val_loss"] < 0.3


VARIANTS: dict[str, dict[str, object]] = {
    "plain": {},
    "accumulate": {"accumulate": 2},
    "best": {"keep": "best", "score": "val_token_error"},
    "early": {
        "early_stop": 2,
        "score": "val_exact",
        "schedule": {"warmup_samples": 20, "decay": "plateau", "drop_patience": 0},
        "validation_samples": 1,
    },
}


class StoppedError(Exception):
    """Stands for a kill: nothing is saved."""


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_run_stopped_anywhere_goes_on_to_the_same_weights(
    values: dict[str, object],
    shards: Path,
    vocabulary: Vocabulary,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variant: str,
) -> None:
    values |= {"budget": {"samples": 90, "minutes": 5}, "validate_every_samples": 20, **VARIANTS[variant]}
    recipe = TrainParams.model_validate(values)
    monkeypatch.setattr("im2latex.learning.loop.sample_budget", lambda run: 90)
    step, ends = Run.step, itertools.cycle([signal.SIGUSR1, None, signal.SIGTERM])
    plan: set[int] = set()

    def interrupted(run: Run) -> None:
        step(run)
        if run.state.step in plan:
            plan.remove(run.state.step)
            number = next(ends)
            if number is None:
                raise StoppedError
            os.kill(os.getpid(), number)

    monkeypatch.setattr(Run, "step", interrupted)

    def finish(name: str, stops: set[int]) -> tuple[Checkpoint, list[Row]]:
        """Started again until it ends by itself; rows that are done again replace the older."""
        plan.update(stops)
        rows: dict[float, Row] = {}
        for _ in range(99):
            with contextlib.suppress(InterruptedRunError, StoppedError):
                checkpoint = train(recipe, shards, vocabulary, "data", tmp_path / name, keep_last(rows))
                return checkpoint, list(rows.values())
        raise AssertionError("never ended")

    whole, rows = finish("whole", set())
    resumed, again = finish("stopped", set(range(1, 99)))
    assert again == rows
    assert (rows[-1]["samples"] < 90) == (variant == "early"), "nothing is exact so soon"
    assert resumed.counts == whole.counts
    for part, weight in weights(whole).items():
        assert torch.equal(weight, weights(resumed)[part]), part


def keep_last(rows: dict[float, Row]) -> Callable[[Row], None]:
    def log(row: Row) -> None:
        rows[row["samples"]] = row

    return log


def test_a_signal_to_stop_is_obeyed_after_the_step(
    recipe: TrainParams, shards: Path, vocabulary: Vocabulary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, rows = signalled(signal.SIGTERM, recipe, shards, vocabulary, tmp_path, monkeypatch)
    assert rows == [], "what a signal asks for is told, and does not count"
    assert "val_exact" in told[-1]
    content = torch.load(tmp_path / "state.pt", weights_only=True)
    assert content["step"] == 2
    assert load_checkpoint(tmp_path / "last").counts["steps"] == 2


def test_a_signal_to_look_is_obeyed_and_the_run_goes_on(
    recipe: TrainParams, shards: Path, vocabulary: Vocabulary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, rows = signalled(signal.SIGINT, recipe, shards, vocabulary, tmp_path, monkeypatch)
    assert "val_exact" in told[-1]
    undisturbed: list[Row] = []
    train(recipe, shards, vocabulary, "data", tmp_path / "other", undisturbed.append)
    assert rows == undisturbed


def test_a_signal_to_save_only_does_not_validate(
    recipe: TrainParams, shards: Path, vocabulary: Vocabulary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, rows = signalled(signal.SIGUSR1, recipe, shards, vocabulary, tmp_path, monkeypatch)
    assert rows == []
    assert len(told) == 1, "the summary"


def signalled(
    number: signal.Signals,
    recipe: TrainParams,
    shards: Path,
    vocabulary: Vocabulary,
    state: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> tuple[list[str], list[Row]]:
    """What is told and logged by a run that gets a signal in its second step."""
    told: list[str] = []
    rows: list[Row] = []
    step = Run.step

    def signalling(run: Run) -> None:
        if told and run.state.step == 1:
            os.kill(os.getpid(), number)
        step(run)

    with monkeypatch.context() as patch, contextlib.suppress(InterruptedRunError):
        patch.setattr(Run, "step", signalling)
        train(recipe, shards, vocabulary, "data", state, rows.append, told.append)
    return told, rows


def test_the_best_weights_are_kept(
    values: dict[str, object], shards: Path, vocabulary: Vocabulary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([0.5, 0.3, 0.4, 0.6])
    monkeypatch.setattr(Validation, "score", lambda *_: {"val_loss": next(scores)})
    values |= {"keep": "best", "early_stop": 2, "validate_every_samples": 20, "budget": {"samples": 999, "minutes": 9}}
    rows: list[Row] = []
    best = train(TrainParams.model_validate(values), shards, vocabulary, "data", tmp_path, rows.append)
    assert len(rows) == 4, "two after the best"
    assert best.counts["samples"] == rows[1]["samples"]
    saved = {name: load_checkpoint(tmp_path / name) for name in ("best", "last")}
    assert saved["last"].counts["samples"] == rows[3]["samples"]
    for part, weight in weights(best).items():
        assert torch.equal(weight, weights(saved["best"])[part]), part
    assert not torch.equal(weights(saved["last"])["reading.weight"], weights(best)["reading.weight"])


def test_half_precision_trains(recipe: TrainParams, shards: Path, vocabulary: Vocabulary, tmp_path: Path) -> None:
    rows: list[Row] = []
    params = recipe.model_copy(update={"precision": "bf16-mixed"})
    network = train(params, shards, vocabulary, "data", tmp_path, rows.append).network
    assert {weight.dtype for weight in network.parameters()} == {torch.float32}
    assert 0 < rows[-1]["train_loss"] < 5


def test_the_same_seed_gives_the_same_weights_and_another_does_not(
    recipe: TrainParams, shards: Path, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    other = recipe.model_copy(update={"seed": 4})
    first, again, different = (
        weights(train(params, shards, vocabulary, "data", tmp_path / name, lambda row: None))["reading.weight"]
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
        weights(train(TrainParams.model_validate(given), shards, vocabulary, "data", tmp_path / name, lambda row: None))
        for name, given in (("plain", values), ("changed", values | change))
    )
    assert not torch.equal(plain["decoder.embedding.weight"], changed["decoder.embedding.weight"])


def test_minutes_become_samples_once(
    values: dict[str, dict[str, object]],
    shards: Path,
    vocabulary: Vocabulary,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ticks = itertools.count(step=0.1)  # a step takes a tenth of a second, however busy the machine is
    monkeypatch.setattr("im2latex.learning.budget.time.perf_counter", lambda: next(ticks))
    values["budget"] = {"samples": 10**6, "minutes": 0.05}
    recipe = TrainParams.model_validate(values)
    totals: list[int] = []

    def stop(row: Row) -> None:
        totals.append(int(row["samples"]))
        if len(totals) == 1:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(InterruptedRunError):
        train(recipe, shards, vocabulary, "data", tmp_path, stop)
    saved = torch.load(tmp_path / "state.pt", weights_only=True)["total"]
    counts = train(recipe, shards, vocabulary, "data", tmp_path, stop).counts
    assert counts["sample_budget"] == saved
    assert saved == 30 * 8, "thirty steps of the usual eight samples"
    assert counts["samples"] >= saved


def test_a_loss_that_is_not_finite_names_the_batch(
    values: dict[str, dict[str, object]], shards: Path, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    values["optimizer"] = dict(values["optimizer"], learning_rate=1e30, hidden_learning_rate=1e30)
    with pytest.raises(DivergedRunError, match=r"the loss is .* with [0-9a-f]{32}") as caught:
        train(TrainParams.model_validate(values), shards, vocabulary, "data", tmp_path, lambda row: None)
    batch = torch.load(tmp_path / "bad_batch.pt", weights_only=True)
    assert all(name in str(caught.value) for name in batch["ids"][:4])
    assert len(batch["images"]) == len(batch["tokens"]) == len(batch["ids"])
    assert str(tmp_path / "bad_batch.pt") in str(caught.value)


def test_the_state_of_another_run_is_refused(
    recipe: TrainParams, shards: Path, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    train(recipe, shards, vocabulary, "data", tmp_path, lambda row: None)
    with pytest.raises(ArtifactError, match="another|other"):
        train(recipe, shards, vocabulary, "other data", tmp_path, lambda row: None)


def test_rows_hold_no_clock(recipe: TrainParams, shards: Path, vocabulary: Vocabulary, tmp_path: Path) -> None:
    rows: list[Row] = []
    train(recipe, shards, vocabulary, "data", tmp_path, rows.append)
    assert [row["samples"] for row in rows] == sorted(row["samples"] for row in rows)
    assert set(rows[-1]) == {"samples", "learning_rate", "train_loss", "val_loss", "val_token_error", "val_exact"}
