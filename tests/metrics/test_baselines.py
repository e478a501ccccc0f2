import pyarrow as pa
import pytest

from im2latex.errors import InputError
from im2latex.metrics.baselines import most_frequent, one_changed, with_baselines
from im2latex.schemas import PREDICTIONS


def test_most_frequent_breaks_ties_by_the_text() -> None:
    assert most_frequent(["y", "x", "x", "y", "z"]) == "x"


def test_most_frequent_needs_a_formula() -> None:
    with pytest.raises(InputError, match="training split is empty"):
        most_frequent([])


def test_each_image_gets_each_baseline_and_blank_paper_none() -> None:
    rows = [
        {"formula_id": name, "split": "test", "input": shown, "reference": name, "hypothesis": "h"}
        for name, shown in [("a", "image"), ("b", "image"), ("a", "blank")]
    ]
    table = with_baselines(pa.Table.from_pylist(rows, schema=PREDICTIONS), "x")
    assert table.schema == PREDICTIONS
    added = [(row["formula_id"], row["input"], row["hypothesis"]) for row in table.to_pylist()[3:]]
    assert added == [
        ("a", "empty", ""),
        ("b", "empty", ""),
        ("a", "most_frequent", "x"),
        ("b", "most_frequent", "x"),
        ("a", "one_changed", one_changed("a")),
        ("b", "one_changed", one_changed("b")),
    ]


@pytest.mark.parametrize(
    "formula", ["x", "a ^ { 2 }", r"\frac { x } { 10 }", r"\alpha + \beta", r"\begin{array} { c c } a"]
)
def test_one_token_of_a_copy_is_another(formula: str) -> None:
    before, after = formula.split(), one_changed(formula).split()
    assert len(after) == len(before)
    assert sum(old != new for old, new in zip(before, after, strict=True)) == 1
    assert one_changed(formula) == one_changed(formula)


def test_a_changed_letter_is_no_column_of_a_table() -> None:
    tables = [rf"\begin{{array}} {{ c l r }} {letter} \end{{array}}" for letter in "abdexyz"]
    assert all("{ c l r }" in one_changed(table) for table in tables)


def test_nothing_has_no_token_to_change() -> None:
    assert one_changed("  ") == ""
