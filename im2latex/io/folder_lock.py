"""Locks of folders (flock(2)): they end with their process, and hold between containers."""

import fcntl
import os
from pathlib import Path


def lock_folder(folder: Path, how: int) -> int | None:
    """A descriptor that holds the lock until it is closed or the process ends; None where the lock is taken.

    `how` is an operation of `fcntl.flock`. None also where there is no such folder, or where it was removed while the
    lock was waited for.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, how)
        if os.path.samestat(os.fstat(descriptor), folder.stat()):
            return descriptor
    except OSError:
        pass
    os.close(descriptor)
    return None
