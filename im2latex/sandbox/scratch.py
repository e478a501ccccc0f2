"""Temporary folders, each locked as long as the process that created it runs.

A folder that a killed process has left is recognized by its free lock (flock(2)), even from another container and
after the process id has been used again.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from im2latex.io.folder_lock import lock_folder

_MEMORY_FOLDER = Path("/dev/shm")
_MIN_FREE_MB = 512  # of which two runs at once use a part; containers often have 64
_PREFIX = "im2latex-run-"
_OWN: dict[Path, int] = {}  # with the file descriptors that hold the locks


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Create an empty folder, in memory where enough is free, and remove it afterwards.

    The first call in a process also removes the folders that killed processes have left.
    """
    _remove_all_stale()
    try:
        in_memory = shutil.disk_usage(_MEMORY_FOLDER).free >= _MIN_FREE_MB << 20
        folder = create(_MEMORY_FOLDER if in_memory else None)
    except OSError:
        folder = create(None)
    try:
        yield folder
    finally:
        remove(folder)


@cache
def _remove_all_stale() -> None:
    for folder in {_MEMORY_FOLDER, Path(tempfile.gettempdir())}:
        remove_stale(folder)


def create(parent: Path | None) -> Path:
    """Create an empty folder in `parent`, or in the system's temporary folder; raises `OSError`."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        lock = _lock(folder, fcntl.LOCK_EX)
        if folder.exists():  # else another process removed it as stale before it was locked
            if lock is not None:
                _OWN[folder] = lock
            return folder


def remove(folder: Path) -> None:
    """Remove a folder of this process."""
    shutil.rmtree(folder, ignore_errors=True)
    lock = _OWN.pop(folder, None)
    if lock is not None:
        os.close(lock)


def remove_own() -> None:
    """Remove all folders of this process, before it ends without leaving its contexts."""
    for folder in [*_OWN]:
        remove(folder)


def remove_stale(parent: Path) -> None:
    """Remove the folders in `parent` whose process has ended."""
    for folder in parent.glob(f"{_PREFIX}*"):
        lock = _lock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if lock is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def _lock(folder: Path, how: int) -> int | None:
    """`lock_folder`; None also for a folder of another user, and where there are no locks: it is then not removed."""
    try:
        return lock_folder(folder, how)
    except OSError:
        return None
