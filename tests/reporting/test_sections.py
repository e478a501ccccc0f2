import json
from pathlib import Path

import pyarrow as pa
import pytest

from im2latex.dataset.vocabulary import SPECIALS, Vocabulary
from im2latex.errors import ArtifactError
from im2latex.io.parquet import write_table
from im2latex.reporting.report_model import RobustnessCondition, SplitCoverage
from im2latex.reporting.sections import read_coverage, read_robustness
from im2latex.schemas import LABELS
from pipeline.paths import ROOT


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
    assert found.splits == (SplitCoverage("train", 1, 0, 2, 0), SplitCoverage("test", 2, 1, 4, 2))
    assert found.seen_fewer == ((5, 1), (10, 1), (20, 1), (50, 2), (100, 2))
    assert found.rarest == (("b", 4), ("c", 30), ("a", 300))


MEASURED = {"name": "jpeg_40", "n": 50, "image_exact": 0.25, "bleu": 0.5, "of_clean": 0.75}


def test_only_conditions_of_this_model_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "robustness.json"
    path.write_text(json.dumps({"checkpoint": "ab", "conditions": [MEASURED]}))
    assert read_robustness(path, "ab") == (RobustnessCondition("jpeg_40", 50, 0.25, 0.5, 0.75),)
    assert read_robustness(path, "cd") == ()
    assert read_robustness(path, None) == ()


def test_a_damaged_file_comes_back_from_git_and_one_that_is_gone_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "robustness.json"
    assert read_robustness(path, "ab") == ()
    path.write_text("{")
    with pytest.raises(ArtifactError, match="git checkout reports/robustness.json"):
        read_robustness(path, "ab")


def test_the_repository_holds_the_file() -> None:
    path = ROOT / "reports" / "robustness.json"
    assert path.is_file()
    assert read_robustness(path, "no such model") == ()
