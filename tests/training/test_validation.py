import math
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from im2latex.models.model import Network
from im2latex.training.dataset import InMemoryDataset
from im2latex.training.early_stopping import EarlyStopping, monitored_value
from im2latex.training.sampler import BatchParams
from im2latex.training.validation import Validation

CPU = torch.device("cpu")
VALUES = st.lists(st.floats(0, 10) | st.just(math.nan), max_size=40)


def test_scores_do_not_depend_on_the_batches(network: Network, shards: Path) -> None:
    samples = InMemoryDataset(shards, "val")
    first, second = (
        Validation(samples, 5, BatchParams(max_images=size, max_pixels=20_000, max_tokens=200)).score(network, CPU)
        for size in (1, 10)
    )
    assert set(first) == {"val_loss", "val_token_error", "val_exact"}
    assert first["val_token_error"] == second["val_token_error"] > 0
    assert first["val_loss"] == pytest.approx(second["val_loss"], rel=1e-3)


def test_without_a_search_the_loss_is_the_only_score(network: Network, shards: Path) -> None:
    samples, params = InMemoryDataset(shards, "val"), BatchParams(max_images=4, max_pixels=20_000, max_tokens=200)
    whole = Validation(samples, 6, params).score(network, CPU)
    assert Validation(samples, 6, params, search=False).score(network, CPU) == {"val_loss": whole["val_loss"]}


def test_the_same_few_samples_are_predicted_each_time(network: Network, shards: Path) -> None:
    samples = InMemoryDataset(shards, "val")
    params = BatchParams(max_images=4, max_pixels=20_000, max_tokens=200)
    validation = Validation(samples, 6, params, example_count=3)
    scores = [validation.score(network, CPU), validation.score(network, CPU)]
    assert scores[0] == scores[1]
    assert [example.formula_id for example in validation.examples] == [samples.ids[place] for place in (0, 4, 9)]
    for example in validation.examples:
        assert example.reference == samples.tokens[samples.ids.index(example.formula_id)]
        assert example.hypothesis != example.reference, "random weights predict nothing"


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
