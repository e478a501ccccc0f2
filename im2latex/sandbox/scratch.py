"""Scratch folders, each locked as long as the process that made it lives.

So a folder that a killed process has left is known by its lock being free (flock(2)), in other containers and after
its process id has been used again too.
"""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

_PREFIX = "im2latex-run-"
_OWN: dict[Path, int] = {}  # with the file descriptors that hold the locks


def create(parent: Path | None) -> Path:
    """Make an empty folder in `parent`, or in the system's temporary folder; raises `OSError`."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        lock = _lock(folder, fcntl.LOCK_EX)
        if folder.exists():  # else another process took it for a stale one before it was locked
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
    """Remove all folders of this process, when it ends without calling `remove` for each."""
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
    """A descriptor that holds the lock until it is closed or the process ends; None where it cannot be had."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, how)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
