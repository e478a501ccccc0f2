"""Every filter drops what it names, and nothing else."""

import pandas as pd
import pytest

from im2latex.config import check
from im2latex.dataset.filters import FilterParams, apply_filters
from im2latex.errors import ParamsError

PARAMS = FilterParams(
    min_tokens=2,
    max_tokens=10,
    max_width_px=300,
    max_height_px=100,
    max_aspect=20,
    unknown_tokens="drop",
    leakage="drop_held_out",
    duplicates="drop",
    expression=None,
)


def sample(**changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "split": "train",
        "latex": "x",
        "length": 5,
        "unknown": 0,
        "width": 100,
        "height": 50,
        "pixel_hash": "p",
    }
    return row | changes


def reasons(rows: list[dict[str, object]], **changes: object) -> list[str]:
    samples = pd.DataFrame([row | {"formula_id": str(number)} for number, row in enumerate(rows)])
    return list(apply_filters(samples, PARAMS.model_copy(update=changes)))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, ""),
        ({"length": 1}, "too_short"),
        ({"length": 11}, "too_long"),
        ({"width": 301}, "too_wide"),
        ({"height": 101}, "too_tall"),
        ({"width": 210, "height": 10}, "aspect"),
        ({"unknown": 1}, "unknown_token"),
    ],
)
def test_limits(changes: dict[str, object], reason: str) -> None:
    assert reasons([sample(**changes)]) == [reason]


def test_unknown_tokens_may_stay() -> None:
    assert reasons([sample(unknown=1)], unknown_tokens="keep") == [""]


LEAK = [sample(), sample(split="val", latex="y"), sample(split="test", latex="z"), sample(pixel_hash="q", latex="w")]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("drop_held_out", ["", "leakage", "leakage", ""]),
        ("drop_training", ["leakage", "leakage", "", ""]),
        ("keep", ["", "", "", ""]),
    ],
)
def test_one_image_in_several_splits(policy: str, expected: list[str]) -> None:
    assert reasons(LEAK, leakage=policy) == expected


def test_one_text_in_several_splits() -> None:
    rows = [sample(), sample(split="test", pixel_hash="q")]
    assert reasons(rows) == ["", "leakage"]


def test_a_dropped_sample_casts_no_shadow() -> None:
    assert reasons([sample(length=99), sample(split="test")]) == ["too_long", ""]


def test_duplicates_in_one_split() -> None:
    rows = [sample(), sample(), sample(latex="other")]
    assert reasons(rows) == ["", "duplicate", ""]
    assert reasons(rows, duplicates="keep") == ["", "", ""]


def test_a_rule_of_the_user() -> None:
    rows = [
        sample(),
        sample(width=201, latex="y"),
        sample(width=999),
        sample(length=7, split="val", pixel_hash="q", latex="z"),
    ]
    rule = "width <= 4 * height and (length < 6 or split == 'train')"
    assert reasons(rows, expression=rule) == ["", "expression", "too_wide", "expression"]


def test_the_rule_is_read_with_the_parameters() -> None:
    values = PARAMS.model_dump()
    with pytest.raises(ParamsError, match="filter.expression = 'widht < 5': .*names widht; the columns are length"):
        check(values | {"expression": "widht < 5"}, FilterParams, "params.yaml: filter")
