from pathlib import Path

import pyarrow as pa

from im2latex.dataset.vocabulary import SPECIALS, Vocabulary
from im2latex.io.parquet import write_table
from im2latex.reporting.breakdown_model import SplitUse
from im2latex.reporting.coverage import read_coverage
from im2latex.schemas import LABELS


def test_unknown_tokens_by_split_and_rare_entries(tmp_path: Path) -> None:
    Vocabulary([*SPECIALS, "a", "b", "c"], {"a": 300, "b": 4, "c": 30}).save(tmp_path / "vocabulary.json")
    rows = [
        {"formula_id": "1", "split": "test", "tokens": [4, 3, 3], "unknown": 2},
        {"formula_id": "2", "split": "train", "tokens": [4, 5], "unknown": 0},
        {"formula_id": "3", "split": "test", "tokens": [6], "unknown": 0},
    ]
    write_table(pa.Table.from_pylist(rows, schema=LABELS), tmp_path / "labels.parquet")
    found = read_coverage(tmp_path)
    assert found.entries == 3
    assert found.splits == (SplitUse("train", 1, 0, 2, 0), SplitUse("test", 2, 1, 4, 2))
    assert found.seen_fewer == ((5, 1), (10, 1), (20, 1), (50, 2), (100, 2))
    assert found.rarest == (("b", 4), ("c", 30), ("a", 300))
