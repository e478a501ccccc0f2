import sys

import pytest

from im2latex.config import check
from im2latex.errors import ParamsError
from im2latex.training.config import BudgetParams, TrainParams, ema_decay, sample_limit


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


def test_the_budget_is_the_smallest_that_is_given() -> None:
    assert sample_limit(BudgetParams(samples=50, epochs=3), 20) == 50
    assert sample_limit(BudgetParams(samples=500, epochs=2.5), 20) == 50
    assert sample_limit(BudgetParams(epochs=0.001), 20) == 1
    assert sample_limit(BudgetParams(minutes=1), 20) == sys.maxsize
    with pytest.raises(ParamsError, match="one of samples, epochs, minutes and deadline_seconds"):
        check({"samples": None}, BudgetParams, "params.yaml: train.budget")


def test_what_is_logged_decides_no_weight(values: dict[str, object]) -> None:
    loud = TrainParams.model_validate({**values, "logs": {"tensorboard": True, "examples": 0}})
    assert loud.deciding() == TrainParams.model_validate(values).deciding()
