import pytest

from im2latex.errors import ParamsError
from im2latex.learning.recipe import TrainParams, ema_decay
from im2latex.params import check


def test_the_average_forgets_over_its_horizon(recipe: TrainParams) -> None:
    params = recipe.model_copy(update={"ema_samples": 1000})
    assert ema_decay(params, 10, 10**6) ** 100 == pytest.approx(0.3679, abs=1e-3)
    assert ema_decay(params, 10, 0) == pytest.approx(0.1)


def test_widths_must_agree(values: dict[str, dict[str, dict[str, object]]]) -> None:
    values["model"]["decoder"]["features"] = 64
    with pytest.raises(ParamsError, match="must be equal"):
        check(values, TrainParams, "params.yaml: train")


def test_a_reading_that_is_trained_must_be_there(values: dict[str, dict[str, object]]) -> None:
    values["model"]["reading"] = False
    with pytest.raises(ParamsError, match="^p: ctc_weight = 0.5 trains the encoder's reading; set model.reading: true"):
        check(values, TrainParams, "p")
