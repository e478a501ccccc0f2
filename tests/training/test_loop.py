import contextlib
import itertools
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric
from safetensors.torch import save_file

from im2latex.config import load_yaml
from im2latex.dataset.vocabulary import SPECIALS, Vocabulary
from im2latex.errors import ArtifactError
from im2latex.training.budget import DEFAULT_SAMPLES, clock_warning
from im2latex.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from im2latex.training.config import BudgetParams, TrainParams
from im2latex.training.dataset import InMemoryDataset
from im2latex.training.finetune import open_pretrained
from im2latex.training.loop import quiet, train
from im2latex.training.optim import OPTIMIZER_STATE
from im2latex.training.run import DivergedRunError, Run
from im2latex.training.state import InterruptedRunError
from im2latex.training.validation import Validation

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
    monkeypatch.setattr("im2latex.training.loop.sample_budget", lambda run: 90)
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
    assert len(told) == 2, "the summary and the commands"
    assert f"kill -USR1 {os.getpid()}" in told[1]


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
    assert not torch.equal(weights(saved["last"])["ctc_head.weight"], weights(best)["ctc_head.weight"])


def test_half_precision_trains(
    recipe: TrainParams, shards: Path, vocabulary: Vocabulary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("im2latex.training.loop.choose_precision", lambda asked, accelerator: asked)
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
        weights(train(params, shards, vocabulary, "data", tmp_path / name, lambda row: None))["ctc_head.weight"]
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
    monkeypatch.setattr("im2latex.training.budget.time.perf_counter", lambda: next(ticks))
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
    assert saved == pytest.approx(30 * 20 / 3, rel=0.05), "thirty steps, of twenty samples in three batches"
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


class KilledError(Exception):
    """Stands for a kill while something else than a step is done."""


def test_a_kill_while_validating_loses_nothing(
    recipe: TrainParams, shards: Path, vocabulary: Vocabulary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole: list[Row] = []
    undisturbed = train(recipe, shards, vocabulary, "data", tmp_path / "whole", whole.append)
    score, calls = Validation.score, itertools.count()

    def killed(*arguments: Any) -> dict[str, float]:
        if next(calls) % 2 == 0:
            raise KilledError
        return score(*arguments)

    monkeypatch.setattr(Validation, "score", killed)
    rows: list[Row] = []
    for _ in whole:
        with pytest.raises(KilledError):
            train(recipe, shards, vocabulary, "data", tmp_path / "killed", rows.append)
        saved = torch.load(tmp_path / "killed" / "state.pt", weights_only=True)
        assert saved["seen"] == whole[len(rows)]["samples"]
    assert rows == whole[:-1]
    finished = train(recipe, shards, vocabulary, "data", tmp_path / "killed", rows.append)
    assert rows == whole
    for part, weight in weights(undisturbed).items():
        assert torch.equal(weight, weights(finished)[part]), part


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


def test_the_state_is_written_when_it_is_too_old(
    values: dict[str, object], shards: Path, vocabulary: Vocabulary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    minutes = itertools.count()  # every look at the clock is a minute later
    monkeypatch.setattr("im2latex.training.run.time.monotonic", lambda: 60.0 * next(minutes))
    saved: list[int] = []
    save = Run.save

    def noted(run: Run, identity: str) -> None:
        saved.append(run.state.step)
        save(run, identity)

    monkeypatch.setattr(Run, "save", noted)
    values |= {"validate_every_samples": 10**6, "budget": {"samples": 300}, "save_every_minutes": 5}
    train(TrainParams.model_validate(values), shards, vocabulary, "data", tmp_path, lambda row: None)
    steps = saved[:-2]  # the last two are those around the validation at the end
    assert len(steps) >= 5
    assert all(later - earlier <= 5 for earlier, later in itertools.pairwise(steps))


def test_a_larger_budget_goes_on_with_the_optimizers(
    values: dict[str, object], shards: Path, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    values |= {"schedule": {"warmup_samples": 20, "decay": "constant"}, "validate_every_samples": 40}
    whole, first, second = (
        TrainParams.model_validate(values | {"budget": {"samples": samples}}) for samples in (120, 80, 120)
    )
    expected = train(whole, shards, vocabulary, "data", tmp_path / "whole", lambda row: None)
    train(first, shards, vocabulary, "data", tmp_path / "parts", lambda row: None)
    found = train(second, shards, vocabulary, "data", tmp_path / "parts", lambda row: None)
    assert found.counts == expected.counts
    for part, weight in weights(expected).items():
        assert torch.equal(weight, weights(found)[part]), part


def test_a_deadline_ends_the_run_at_a_rate_of_zero(
    values: dict[str, object], shards: Path, vocabulary: Vocabulary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = itertools.count()
    monkeypatch.setattr("im2latex.training.run.time.monotonic", lambda: float(next(seconds)))
    values |= {"budget": {"deadline_seconds": 40}, "ctc_until": 0.3}
    rows: list[Row] = []
    checkpoint = train(TrainParams.model_validate(values), shards, vocabulary, "data", tmp_path, rows.append)
    assert 10 <= checkpoint.counts["steps"] <= 40
    assert rows[-1]["samples"] == checkpoint.counts["samples"]
    assert rows[-1]["learning_rate"] == 0


def test_the_encoders_own_loss_may_end_early(
    values: dict[str, object], shards: Path, vocabulary: Vocabulary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spent: list[float] = []
    loss = Run._loss

    def noted(run: Run, *arguments: Any) -> torch.Tensor:
        spent.append(run.spent)
        return loss(run, *arguments)

    monkeypatch.setattr(Run, "_loss", noted)
    ctc: list[float] = []

    def counted(*_: object) -> torch.Tensor:
        ctc.append(1)
        return torch.zeros((), requires_grad=True)

    monkeypatch.setattr("im2latex.training.run.ctc_loss", counted)
    values |= {"ctc_until": 0.5, "budget": {"samples": 60}}
    train(TrainParams.model_validate(values), shards, vocabulary, "data", tmp_path, lambda row: None)
    assert len(ctc) == sum(share < 0.5 for share in spent)
    assert 0 < len(ctc) < len(spent)


def test_a_start_brings_its_momentum(recipe: TrainParams, shards: Path, vocabulary: Vocabulary, tmp_path: Path) -> None:
    samples = InMemoryDataset(shards, "train")
    first = Run(Fabric(accelerator="cpu"), recipe, samples, vocabulary, "data", tmp_path)
    first.state.total = 1000
    for _ in range(3):
        first.step()
    folder = tmp_path / "start"
    save_checkpoint(first.checkpoint("last"), folder)
    saved = first.momentum()
    save_file(saved, folder / OPTIMIZER_STATE)
    start = open_pretrained(str(folder))
    second = Run(Fabric(accelerator="cpu"), recipe, samples, vocabulary, "data", tmp_path, start)
    again = second.momentum()
    assert again.keys() == saved.keys()
    for name, value in saved.items():
        assert torch.equal(value, again[name]), name
    second.state.total = 1000
    second.step()
    other = Vocabulary([*SPECIALS, *"fabcde"])
    moved = Run(Fabric(accelerator="cpu"), recipe, samples, other, "data", tmp_path, start)
    assert moved.momentum() == {}, "the ids are others"


def test_batch_norms_are_estimated_for_the_average(
    values: dict[str, object], shards: Path, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    norms: list[torch.Tensor] = []
    for count in (0, 20):
        params = TrainParams.model_validate(values | {"batch_norm_samples": count})
        network = train(params, shards, vocabulary, "data", tmp_path / str(count), lambda row: None).network
        norms.append(network.state_dict()["encoder.stages.1.running_mean"])
        assert not any(module.training for module in network.modules())
    assert not torch.equal(norms[0], norms[1])
    assert torch.isfinite(norms[1]).all()


def test_the_pace_is_told_to_logs_too(
    values: dict[str, object], shards: Path, vocabulary: Vocabulary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values |= {"validate_every_samples": 10**6, "budget": {"samples": 300}}
    seconds = itertools.count(step=9)
    monkeypatch.setattr("im2latex.training.budget.time.monotonic", lambda: next(seconds))
    told: list[str] = []
    train(TrainParams.model_validate(values), shards, vocabulary, "data", tmp_path, quiet, told.append)
    lines = [text for text in told if "samples/s" in text]
    assert len(lines) >= 5
    assert all(
        re.fullmatch(r"\d+ samples, \d+\.\d% of the budget, \d\.\d samples/s, \d:\d\d:\d\d left", line)
        for line in lines
    )
    shares = [float(line.split()[2].rstrip("%")) for line in lines]
    assert shares == sorted(shares)


def test_a_run_goes_on_with_the_precision_it_began_with(
    values: dict[str, object], shards: Path, vocabulary: Vocabulary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values |= {"precision": "auto", "budget": {"samples": 40}}
    recipe = TrainParams.model_validate(values)
    monkeypatch.setattr("im2latex.training.loop.choose_precision", lambda asked, accelerator: "bf16-mixed")
    signalled(signal.SIGUSR1, recipe, shards, vocabulary, tmp_path, monkeypatch)
    monkeypatch.setattr("im2latex.training.loop.choose_precision", lambda asked, accelerator: "32-true")
    assert train(recipe, shards, vocabulary, "data", tmp_path, quiet).recipe["precision"] == "bf16-mixed"


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        ({"samples": 9}, None),
        ({"epochs": 2}, None),
        ({"samples": 1234, "minutes": 3}, None),
        ({"minutes": 3}, ("minutes = 3", "1,234 samples", "37,000", "train.budget.samples = 1234")),
        ({"samples": 9, "deadline_seconds": 60}, ("deadline_seconds = 60", "37,000")),
    ],
)
def test_a_budget_by_the_clock_warns_with_its_numbers(budget: dict[str, float], words: tuple[str, ...] | None) -> None:
    warning = clock_warning(BudgetParams.model_validate(budget), 1234)
    assert all(word in (warning or "") for word in words) if words else warning is None


def test_the_default_is_what_params_say() -> None:
    params = load_yaml(Path(__file__).parents[2] / "params.yaml")
    assert params["train"]["budget"]["samples"] == DEFAULT_SAMPLES
    assert not {"minutes", "deadline_seconds"} & {name for name, value in params["train"]["budget"].items() if value}
