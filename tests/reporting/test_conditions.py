import json
from pathlib import Path

import pytest

from im2latex.errors import ArtifactError
from im2latex.reporting.conditions import read_conditions
from im2latex.reporting.findings import Condition
from pipeline.fingerprint import ROOT

MEASURED = {"name": "jpeg_40", "n": 50, "image_exact": 0.25, "bleu": 0.5, "of_clean": 0.75}


def test_only_conditions_of_this_model_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "conditions.json"
    path.write_text(json.dumps({"checkpoint": "ab", "conditions": [MEASURED]}))
    assert read_conditions(path, "ab") == (Condition("jpeg_40", 50, 0.25, 0.5, 0.75),)
    assert read_conditions(path, "cd") == ()
    assert read_conditions(path, None) == ()


def test_a_file_that_is_gone_comes_back_from_git(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="git checkout reports/conditions.json"):
        read_conditions(tmp_path / "conditions.json", "ab")


def test_the_tracked_file_is_there_and_readable() -> None:
    assert read_conditions(ROOT / "reports" / "conditions.json", "no such model") == ()
