"""The split depends on the key and the seed only."""

from collections import Counter

import pytest

from im2latex.config import check
from im2latex.dataset.splits import SplitParams, precedence, split_of
from im2latex.errors import ParamsError

PARAMS = SplitParams(seed=1, val=0.1, test=0.2)


def test_shares_are_kept() -> None:
    counts = Counter(split_of(f"paper {number}", PARAMS) for number in range(10_000))
    assert counts["test"] == pytest.approx(2000, abs=150)
    assert counts["val"] == pytest.approx(1000, abs=120)


def test_the_same_on_every_machine() -> None:
    assert [split_of(str(number), PARAMS) for number in range(12)].count("train") == 8
    assert precedence("a") > precedence("b")


def test_another_seed_is_another_partition() -> None:
    other = PARAMS.model_copy(update={"seed": 2})
    keys = [str(number) for number in range(500)]
    assert [split_of(key, PARAMS) for key in keys] != [split_of(key, other) for key in keys]


def test_something_is_left_to_train_on() -> None:
    with pytest.raises(ParamsError, match=r"val \+ test must be below 1"):
        check({"seed": 0, "val": 0.5, "test": 0.5}, SplitParams, "split")
