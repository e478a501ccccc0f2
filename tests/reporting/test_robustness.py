import json
from pathlib import Path

import pytest

from im2latex.errors import ArtifactError
from im2latex.reporting.breakdown_model import Condition
from im2latex.reporting.robustness import read_conditions
from pipeline.paths import ROOT

MEASURED = {"name": "jpeg_40", "n": 50, "image_exact": 0.25, "bleu": 0.5, "of_clean": 0.75}


def test_only_conditions_of_this_model_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "robustness.json"
    path.write_text(json.dumps({"checkpoint": "ab", "conditions": [MEASURED]}))
    assert read_conditions(path, "ab") == (Condition("jpeg_40", 50, 0.25, 0.5, 0.75),)
    assert read_conditions(path, "cd") == ()
    assert read_conditions(path, None) == ()


def test_a_damaged_file_comes_back_from_git_and_one_that_is_gone_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "robustness.json"
    assert read_conditions(path, "ab") == ()
    path.write_text("{")
    with pytest.raises(ArtifactError, match="git checkout reports/robustness.json"):
        read_conditions(path, "ab")


def test_the_repository_holds_the_file() -> None:
    path = ROOT / "reports" / "robustness.json"
    assert path.is_file()
    assert read_conditions(path, "no such model") == ()
