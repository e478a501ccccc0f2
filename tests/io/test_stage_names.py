from pathlib import Path

import pytest

from im2latex.errors import InputError
from im2latex.io.stage_names import read_stage_names


def test_the_stages_come_in_the_order_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").write_text("stages:\n  code: {}\n  render: {cmd: x}\n  audit: {cmd: y}\n")
    assert read_stage_names(tmp_path) == ["render", "audit"]


@pytest.mark.parametrize("content", [None, "", "stages: [", "plots: []", "stages: 3", "[]"])
def test_a_project_without_stages_is_an_error(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "dvc.yaml").write_text(content)
    with pytest.raises(InputError, match=r"dvc\.yaml: "):
        read_stage_names(tmp_path)
