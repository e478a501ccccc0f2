from pathlib import Path

import pyarrow as pa
import pytest

from im2latex.dataset.shards import ShardWriter
from im2latex.schemas import PREDICTIONS, SAMPLES
from pipeline.evaluate import groups_of


def test_groups_are_those_of_the_shards_that_were_predicted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    image = {"bytes": b"", "path": None}
    sample = {"source_id": "1", "style": "base", "latex": "x", "tokens": [4], "bucket": 0, "width": 1, "height": 1}
    for split, groups in (("val", {"a": "p"}), ("test", {"b": "q", "c": None})):
        writer = ShardWriter(Path("data/bucket"), split, rows=10)
        rows = [sample | {"image": image, "formula_id": name, "group": group} for name, group in groups.items()]
        writer.add(pa.Table.from_pylist(rows, schema=SAMPLES))
        writer.close()
    predicted = [{"formula_id": name, "split": "test"} for name in "bc"]
    assert groups_of(pa.Table.from_pylist(predicted, schema=PREDICTIONS)) == {"b": "q"}
