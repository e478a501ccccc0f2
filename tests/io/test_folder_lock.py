import errno
import fcntl
import os
from pathlib import Path

import psutil
import pytest

from im2latex.io.folder_lock import lock_folder
from im2latex.sandbox import scratch

EXCLUSIVE = fcntl.LOCK_EX | fcntl.LOCK_NB


def test_a_lock_is_held_until_its_descriptor_is_closed(tmp_path: Path) -> None:
    held = lock_folder(tmp_path, EXCLUSIVE)
    assert held is not None
    assert lock_folder(tmp_path, EXCLUSIVE) is None
    os.close(held)
    again = lock_folder(tmp_path, EXCLUSIVE)
    assert again is not None
    os.close(again)


def test_a_missing_folder_has_no_lock(tmp_path: Path) -> None:
    assert lock_folder(tmp_path / "missing", EXCLUSIVE) is None


def test_a_folder_removed_while_its_lock_is_waited_for_has_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.setattr(fcntl, "flock", lambda *_: folder.rmdir())
    before = psutil.Process().num_fds()
    assert lock_folder(folder, EXCLUSIVE) is None
    assert psutil.Process().num_fds() == before


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOLCK, errno.ENOTSUP, errno.EIO])
def test_any_other_error_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """And a temporary folder, which is locked only to be recognized, is created all the same."""

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", fail)
    before = psutil.Process().num_fds()
    with pytest.raises(OSError, match=os.strerror(number)):
        lock_folder(tmp_path, EXCLUSIVE)
    assert psutil.Process().num_fds() == before
    folder = scratch.create(tmp_path)
    scratch.remove_stale(tmp_path)
    assert folder.is_dir()
    scratch.remove(folder)


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_is_no_folder_is_an_error(tmp_path: Path, kind: str) -> None:
    path = tmp_path / kind
    if kind == "file":
        path.touch()
    else:
        path.symlink_to(tmp_path)
    with pytest.raises(NotADirectoryError):
        lock_folder(path, EXCLUSIVE)
