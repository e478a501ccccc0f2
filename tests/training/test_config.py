import json
import sys
from pathlib import Path

import pytest

from im2latex.config import RENAMED_KEYS, check, load_yaml
from im2latex.errors import ParamsError
from im2latex.io.manifest import RELEASED
from im2latex.training.augmentation import AugmentationParams
from im2latex.training.config import (
    DEFAULT_SAMPLES,
    BudgetParams,
    TrainerParams,
    TrainParams,
    ema_decay,
    sample_limit,
)
from im2latex.training.losses import AttentionPenaltyParams
from im2latex.training.optim import OptimizerParams
from im2latex.training.sampler import BatchParams
from im2latex.training.schedule import ScheduleParams
from im2latex.training.scheduled_sampling import ScheduledSamplingParams


def test_the_average_forgets_over_its_horizon(recipe: TrainParams) -> None:
    params = recipe.model_copy(update={"ema_samples": 1000})
    assert ema_decay(params, 10, 10**6) ** 100 == pytest.approx(0.3679, abs=1e-3)
    assert ema_decay(params, 10, 0) == pytest.approx(0.1)


def test_widths_must_agree(values: dict[str, dict[str, dict[str, object]]]) -> None:
    values["model"]["decoder"]["features"] = 64
    with pytest.raises(ParamsError, match="must be equal"):
        check(values, TrainParams, "params.yaml: train")


def test_a_ctc_loss_needs_a_ctc_head(values: dict[str, dict[str, object]]) -> None:
    values["model"]["ctc_head"] = False
    with pytest.raises(ParamsError, match="set model.ctc_head: true"):
        check(values, TrainParams, "p")


def test_the_smallest_limit_is_the_budget() -> None:
    assert sample_limit(BudgetParams(samples=50, epochs=3), 20) == 50
    assert sample_limit(BudgetParams(samples=500, epochs=2.5), 20) == 50
    assert sample_limit(BudgetParams(epochs=0.001), 20) == 1
    assert sample_limit(BudgetParams(minutes=1), 20) == sys.maxsize
    with pytest.raises(ParamsError, match="one of samples, epochs, minutes and deadline_seconds"):
        check({"samples": None}, BudgetParams, "params.yaml: train.budget")


def test_defaults_are_those_of_params_yaml() -> None:
    params = load_yaml(Path(__file__).parents[2] / "params.yaml")
    assert check(params["train"], TrainParams, "train") == TrainParams()
    assert check(params["trainer"], TrainerParams, "trainer") == TrainerParams()


def test_every_parameter_class_has_defaults() -> None:
    for kind in (AugmentationParams, BatchParams, BudgetParams, OptimizerParams, ScheduleParams):
        assert kind() == kind.model_validate({})
    assert BudgetParams() == BudgetParams(samples=DEFAULT_SAMPLES)
    assert BudgetParams(epochs=2).samples is None
    assert ScheduledSamplingParams().decay == "inverse-sigmoid"
    assert AttentionPenaltyParams().target == 5.27
    assert TrainParams(preset=None).model == TrainParams().model


def test_the_state_key_leaves_out_what_a_run_may_change(values: dict[str, object]) -> None:
    other = TrainParams.model_validate({**values, "budget": {"epochs": 9}, "validation_examples": 0})
    assert other.state_key() == TrainParams.model_validate(values).state_key()
    seed = TrainParams.model_validate({**values, "seed": 4})
    assert seed.state_key() != other.state_key()


def test_nothing_of_the_trainer_decides_the_weights() -> None:
    assert not TrainerParams.model_fields.keys() & TrainParams.model_fields.keys()


@pytest.mark.parametrize("key", [key for key in RENAMED_KEYS if key.startswith("train.")])
def test_an_earlier_key_is_refused_with_its_present_name(key: str) -> None:
    value: dict[str, object] = {}
    inner = value
    *path, last = key.split(".")[1:]
    for step in path:
        inner[step] = {}
        inner = inner[step]  # type: ignore[assignment]
    inner[last] = 1
    with pytest.raises(ParamsError, match=rf"{key} is named {RENAMED_KEYS[key]} now"):
        check(value, TrainParams, "params.yaml: train")


def test_the_recipe_of_the_pretrained_checkpoint_is_valid() -> None:
    content = json.loads((RELEASED / "checkpoint.json").read_text())
    params = TrainParams.model_validate(content["recipe"] | {"model": content["model"]})
    newer = {"validation_examples": 6, "batches": content["recipe"]["batches"] | {"sampling": "buckets"}}
    assert params.model_dump(mode="json", exclude={"model"}) == content["recipe"] | newer
