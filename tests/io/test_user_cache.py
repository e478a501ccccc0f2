from pathlib import Path

import pytest

from im2latex.io.user_cache import user_cache_folder


def test_the_folder_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert user_cache_folder("formats") == tmp_path / "im2latex" / "formats"
    blocked = tmp_path / "file"
    blocked.touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    assert user_cache_folder("formats").is_dir()
