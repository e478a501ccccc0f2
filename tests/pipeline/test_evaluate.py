from pathlib import Path

import pyarrow as pa
import pytest

from im2latex.dataset.shards import ShardWriter
from im2latex.metrics.baselines import most_frequent
from im2latex.schemas import PREDICTIONS, SAMPLES
from pipeline.evaluate import groups_of, most_frequent_label

SAMPLE = {
    "source_id": "1",
    "style": "base",
    "tokens": [4],
    "bucket": 0,
    "width": 1,
    "height": 1,
    "image": {"bytes": b"", "path": None},
}


def test_the_most_frequent_label_is_that_of_all_shards(tmp_path: Path) -> None:
    labels = ["z", "é", "a b", "a", "\U0001d465", "Z", "a", "\uff21", "\U0001d465", "é"]
    for left in (labels, labels[1:6], labels[6:], labels[4:5] + labels[7:8]):
        shards = tmp_path / str(len(left))
        writer = ShardWriter(shards, "train", rows=3)
        rows = [SAMPLE | {"formula_id": str(number), "latex": label} for number, label in enumerate(left)]
        writer.add(pa.Table.from_pylist(rows, schema=SAMPLES))
        writer.close()
        assert most_frequent_label(shards, tmp_path) == most_frequent(left)


def test_groups_are_those_of_the_shards_that_were_predicted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for split, groups in (("val", {"a": "p"}), ("test", {"b": "q", "c": None})):
        writer = ShardWriter(Path("data/bucket"), split, rows=10)
        rows = [SAMPLE | {"latex": "x", "formula_id": name, "group": group} for name, group in groups.items()]
        writer.add(pa.Table.from_pylist(rows, schema=SAMPLES))
        writer.close()
    predicted = [{"formula_id": name, "split": "test"} for name in "bc"]
    assert groups_of(pa.Table.from_pylist(predicted, schema=PREDICTIONS)) == {"b": "q"}
