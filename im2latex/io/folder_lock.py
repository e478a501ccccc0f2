"""Locks of folders (flock(2)): they end with their process, and hold between containers."""

import fcntl
import os
from pathlib import Path


def lock_folder(folder: Path, how: int) -> int | None:
    """A descriptor that holds the lock until it is closed or the process ends; None where the lock is taken.

    `how` is an operation of `fcntl.flock`. None also where there is no such folder, or where it was removed while the
    lock was waited for. Raises `OSError` where it may not be read, is no folder, or its file system has no locks.
    """
    locked = False
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, how)
        locked = os.path.samestat(os.fstat(descriptor), folder.stat())
    except (BlockingIOError, FileNotFoundError):
        return None
    finally:
        if not locked:
            os.close(descriptor)
    return descriptor if locked else None
