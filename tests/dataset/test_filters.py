"""Every filter drops what it names, and nothing else."""

from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from im2latex.config import check
from im2latex.dataset.filters import FilterParams, apply_filters, evaluate_expression, validate_expression
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


def reasons(rows: list[dict[str, object]], pieces: int = 1, **changes: object) -> list[str]:
    """The reasons of samples that come in so many tables."""
    base = {"source_id": None, "style": "base"}
    samples = pd.DataFrame([row | base | {"formula_id": str(number)} for number, row in enumerate(rows)])
    tables = [
        samples.iloc[start : start + -(-len(rows) // pieces)] for start in range(0, len(rows), -(-len(rows) // pieces))
    ]
    with TemporaryDirectory() as folder:
        found = list(apply_filters(tables, PARAMS.model_copy(update=changes), Path(folder)))
    assert [name for part in found for name in part["formula_id"]] == list(samples["formula_id"])
    return [reason for part in found for reason in part["reason"]]


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


SOME = st.builds(
    sample,
    split=st.sampled_from(["train", "val", "test"]),
    pixel_hash=st.sampled_from("pq"),
    latex=st.sampled_from(["x", "y", "\u00e4'", "x\0"]),
    length=st.sampled_from([5, 99]),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(SOME, min_size=1, max_size=12),
    st.sampled_from(["drop_held_out", "drop_training", "keep"]),
    st.sampled_from(["drop", "keep"]),
    st.integers(1, 4),
)
def test_any_samples_are_compared_as_by_definition(
    rows: list[dict[str, object]], leakage: str, duplicates: str, pieces: int
) -> None:
    order = {"drop_held_out": ["train", "test", "val"], "drop_training": ["test", "val", "train"]}.get(leakage, [])
    expected = ["too_long" if row["length"] == 99 else "" for row in rows]
    splits: dict[tuple[str, object], set[object]] = defaultdict(set)
    for row, reason in zip(rows, expected, strict=True):
        for key in ("pixel_hash", "latex") if not reason else ():
            splits[key, row[key]].add(row["split"])
    seen: set[tuple[object, ...]] = set()
    for number, row in enumerate(rows):
        others = splits["pixel_hash", row["pixel_hash"]] | splits["latex", row["latex"]]
        identity = (row["split"], row["pixel_hash"], row["latex"])
        if (
            not expected[number]
            and row["split"] in order
            and any(name in others for name in order[: order.index(str(row["split"]))])
        ):
            expected[number] = "leakage"
        elif not expected[number]:
            expected[number] = "duplicate" if identity in seen and duplicates == "drop" else ""
            seen.add(identity)
    assert reasons(rows, pieces, leakage=leakage, duplicates=duplicates) == expected


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


SAMPLES = pd.DataFrame(
    {"length": [1, 50], "unknown": [0, 2], "width": [100, 900], "height": [50, 20], "split": ["train", "test"]}
)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("length < 100 and width < 4 * height", [True, False]),
        ("not unknown == 0", [False, True]),
        ("10 < length <= 50", [False, True]),
        ("split != 'test' or -width % 7 == 3", [True, True]),
        (" width / (unknown - 0) > 1e9", [True, False]),
    ],
)
def test_rules(rule: str, expected: list[bool]) -> None:
    assert evaluate_expression(SAMPLES, validate_expression(rule)).tolist() == expected


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ("", "not an expression"),
        ("length <", "not an expression"),
        ("length = 3", "not an expression"),
        ("pixels > 3", "names pixels; the columns are length"),
        ("__import__('os').system('true') == 0", "holds"),
        ("length.real > 3", "holds Attribute"),
        ("abs(length) > 3", "holds Call"),
        ("length @ width > 3", "holds MatMult"),
        ("@length > 3", "not an expression"),
        ("length ** 9 ** 9 > 3", "holds Pow"),
        ("'a' * 1000000000 == split", "combines constants only"),
        ("split * 3 == 'a'", "a text where a number belongs: split"),
        ("length", "gives a number"),
        ("length and width > 3", "a number where a truth belongs: length"),
        ("split > 3", "a number where a text belongs: 3"),
        ("1 < 2", "combines constants only: 1 < 2"),
        ("length < 3 / 0", "combines constants only: 3 / 0"),
        ("length * 99999999999999999999 > 3", "numbers go up to"),
        ("True", "gives a truth value"),
        ("length > None", "holds None"),
        ("length > [3]", "holds List"),
        ("length > (lambda: 3)", "holds"),
    ],
)
def test_refused(rule: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        validate_expression(rule)


ATOMS = st.sampled_from(["length", "unknown", "width", "height", "split", "3", "0", "2.5", "'val'", "True"])
RULES = st.recursive(
    ATOMS,
    lambda inner: st.builds(
        "({} {} {})".format, inner, st.sampled_from(["+", "*", "/", "//", "%", "<", "==", "and", "or"]), inner
    ),
    max_leaves=6,
)


@given(RULES)
def test_what_is_let_through_can_be_evaluated(rule: str) -> None:
    try:
        validate_expression(rule)
    except ValueError:
        return
    assert evaluate_expression(SAMPLES, rule).dtype == bool
