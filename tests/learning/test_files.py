from pathlib import Path

import pytest

from im2latex.learning.files import replace


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    replace(path, lambda draft: draft.write_text("old"))

    def fail(draft: Path) -> None:
        draft.write_text("half")
        raise RuntimeError("full disk")

    with pytest.raises(RuntimeError):
        replace(path, fail)
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]
