"""What a team changes of the normalizer reaches the stage, and is counted."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from im2latex.io.parquet import read_parts
from tests.pipeline.conftest import run


def test_replacements_are_made_and_counted(project: Path, set_params: Callable[[dict[str, Any]], None]) -> None:
    run("normalize")
    before = read_parts(Path("data/normalize"), ["latex"])["latex"].to_pylist()
    assert json.loads(Path("reports/manifest/normalize.json").read_text())["replaced"] == {}
    Path("replacements.txt").write_text("x -> w\n")
    set_params({"normalize": {"normalizer": {"replacements": "replacements.txt"}}})
    run("normalize")
    after = read_parts(Path("data/normalize"), ["latex"])["latex"].to_pylist()
    count = sum(latex.split().count("x") for latex in before)
    assert count > 0
    assert after == [" ".join("w" if token == "x" else token for token in latex.split()) for latex in before]
    assert json.loads(Path("reports/manifest/normalize.json").read_text())["replaced"] == {"x": count}
    Path("replacements.txt").write_text("x -> y\n")
    run("normalize")
    assert "x" not in " ".join(read_parts(Path("data/normalize"), ["latex"])["latex"].to_pylist()).split()


def test_a_lossy_rule_may_be_switched_on_alone(project: Path, set_params: Callable[[dict[str, Any]], None]) -> None:
    run("normalize")
    before = read_parts(Path("data/normalize"), ["latex"])["latex"].to_pylist()
    assert any("\\left" in latex for latex in before)
    set_params({"normalize": {"normalizer": {"enable_rules": ["no_left_right"]}}})
    run("normalize")
    after = " ".join(read_parts(Path("data/normalize"), ["latex"])["latex"].to_pylist()).split()
    assert "\\left" not in after


@pytest.mark.parametrize("key", ["replacements", "macros", "rules"])
def test_a_missing_file_of_the_team_is_one_sentence(
    project: Path, set_params: Callable[[dict[str, Any]], None], capsys: pytest.CaptureFixture[str], key: str
) -> None:
    set_params({"normalize": {"normalizer": {key: "absent"}}})
    with pytest.raises(SystemExit) as stopped:
        run("normalize")
    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith("normalize: absent: ")
