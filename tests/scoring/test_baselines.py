import pyarrow as pa
import pytest

from im2latex.errors import InputError
from im2latex.records import PREDICTIONS
from im2latex.scoring.baselines import most_frequent, with_baselines


def test_most_frequent_breaks_ties_by_the_text() -> None:
    assert most_frequent(["y", "x", "x", "y", "z"]) == "x"


def test_most_frequent_needs_a_formula() -> None:
    with pytest.raises(InputError, match="training split is empty"):
        most_frequent([])


def test_each_picture_gets_each_baseline_and_blank_paper_none() -> None:
    rows = [
        {"formula_id": name, "split": "test", "input": shown, "reference": name, "hypothesis": "h"}
        for name, shown in [("a", "picture"), ("b", "picture"), ("a", "blank")]
    ]
    table = with_baselines(pa.Table.from_pylist(rows, schema=PREDICTIONS), "x")
    assert table.schema == PREDICTIONS
    added = [(row["formula_id"], row["input"], row["hypothesis"]) for row in table.to_pylist()[3:]]
    assert added == [("a", "empty", ""), ("b", "empty", ""), ("a", "most_frequent", "x"), ("b", "most_frequent", "x")]
