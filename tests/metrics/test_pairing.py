import pyarrow as pa
import pytest

from im2latex.errors import InputError
from im2latex.metrics.pairing import pair_rows, rows_of_split
from im2latex.metrics.score import score_predictions
from im2latex.schemas import PREDICTIONS


def judged(*names: str, split: str = "test", shown: str = "image", **references: str) -> pa.Table:
    rows = [
        {
            "formula_id": name,
            "split": split,
            "input": shown,
            "reference": references.get(name, name),
            "hypothesis": str(n),
        }
        for n, name in enumerate(names)
    ]
    return score_predictions(pa.Table.from_pylist(rows, schema=PREDICTIONS))


def test_rows_meet_by_formula_whatever_their_order() -> None:
    found = pair_rows(judged("c", "a", "b"), judged("b", "c", "d", b="B"))
    assert list(zip(found.a, found.b, strict=True)) == [(0, 1), (2, 0)]
    assert (found.only_a, found.only_b, found.other_reference) == (("a",), ("d",), ("b",))
    assert not found.same_set
    assert pair_rows(judged("a", "b"), judged("b", "a")).same_set


def test_a_formula_that_stands_there_twice_is_paired_twice() -> None:
    found = pair_rows(judged("a", "b", "a", "a"), judged("a", "a"))
    assert (found.a.tolist(), found.b.tolist()) == ([0, 2], [0, 1])
    assert found.only_a == ("a", "b")


def test_nothing_in_common() -> None:
    found = pair_rows(judged("a"), judged("b"))
    assert (len(found.a), len(found.b), found.only_a, found.only_b) == (0, 0, ("a",), ("b",))


def test_only_images_of_the_split_count() -> None:
    tables = [judged("a"), judged("b", split="val"), judged("c", shown="blank")]
    assert rows_of_split(pa.concat_tables(tables), "test", "x")["formula_id"].to_pylist() == ["a"]
    assert rows_of_split(tables[1], "test", "x")["formula_id"].to_pylist() == ["b"]
    with pytest.raises(InputError, match="x: has no prediction of the split 'train'"):
        rows_of_split(pa.concat_tables(tables), "train", "x")
