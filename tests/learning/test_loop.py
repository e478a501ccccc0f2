import itertools
import os
import signal
from pathlib import Path

import pytest
import torch

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.errors import ArtifactError, Im2LatexError
from im2latex.learning.checkpoint import Checkpoint
from im2latex.learning.loop import train
from im2latex.learning.recipe import TrainParams
from im2latex.learning.state import InterruptedRunError

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


def test_a_stopped_run_goes_on_to_the_same_weights(
    recipe: TrainParams, shards: Path, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    whole = train(recipe, shards, vocabulary, "data", tmp_path / "whole", lambda row: None)

    def stop(row: Row) -> None:
        if row["samples"] < 60:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(InterruptedRunError, match="SIGTERM") as caught:
        train(recipe, shards, vocabulary, "data", tmp_path / "cut", stop)
    assert caught.value.exit_code == 1
    resumed = train(recipe, shards, vocabulary, "data", tmp_path / "cut", lambda row: None)
    assert resumed.counts == whole.counts
    for name, weight in weights(whole).items():
        assert torch.equal(weight, weights(resumed)[name]), name


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
    monkeypatch.setattr("im2latex.learning.loop.time.perf_counter", lambda: next(ticks))
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
    with pytest.raises(Im2LatexError, match=r"the loss is .* with [0-9a-f]{32}"):
        train(TrainParams.model_validate(values), shards, vocabulary, "data", tmp_path, lambda row: None)


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
