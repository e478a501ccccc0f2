import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from im2latex.training.early_stopping import EarlyStopping, monitored_value

VALUES = st.lists(st.floats(0, 10) | st.just(math.nan), max_size=40)


@given(VALUES, st.integers(0, 4))
def test_drops_are_those_of_pytorch(values: list[float], patience: int) -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=patience, threshold=0, eps=0)
    stopping = EarlyStopping()
    for value in values:
        stopping.update(value, patience, "best")
        plateau.step(value)
        assert optimizer.param_groups[0]["lr"] == 0.5**stopping.drops


@given(VALUES)
def test_stale_counts_since_the_best(values: list[float]) -> None:
    stopping = EarlyStopping()
    better = [stopping.update(value, 0, "best") for value in values]
    assert stopping.bad_validations == (better[::-1].index(True) if any(better) else len(values))
    assert stopping.best == min((value for value in values if not math.isnan(value)), default=math.inf)


def test_against_the_previous_every_turn_for_the_worse_counts() -> None:
    drops = []
    stopping = EarlyStopping()
    for value in [5.0, 6.0, 5.5, 5.6, 4.0]:
        stopping.update(value, 0, "previous")
        drops.append(stopping.drops)
    assert drops == [0, 1, 1, 2, 2]


def test_exact_formulas_are_better_when_there_are_more() -> None:
    assert monitored_value({"val_exact": 0.9}, "val_exact") < monitored_value({"val_exact": 0.1}, "val_exact")
    assert monitored_value({"val_loss": 0.1}, "val_loss") < monitored_value({"val_loss": 0.9}, "val_loss")
