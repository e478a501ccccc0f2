"""Atomic writes: a file is replaced as a whole, or stays as it was."""

import errno
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_MIN_FREE_BYTES = 1 << 20
"""With less, a disk counts as full; file systems reserve a part for the system."""


def atomic_write(path: Path, write: Callable[[Path], object], previous: Path | None = None) -> None:
    """Let `write` fill a temporary file beside `path`, then rename it to `path`; folders are made as needed.

    The mode of a new file is that of any new file, by the umask, though a library may write it for its owner alone.
    The file that was there is kept as `previous`, if one is named and the file system has hard links. Raises `OSError`
    (ENOSPC) where the disk is full, also where the library that writes raises an error of its own kind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(draft)
        draft.chmod(0o666 & ~_umask())
        if previous:
            previous.unlink(missing_ok=True)
            with suppress(OSError):
                previous.hardlink_to(path)
        draft.replace(path)
    except OSError:
        raise
    except Exception as error:  # torch raises RuntimeError, safetensors a class of its own
        if shutil.disk_usage(path.parent).free >= _MIN_FREE_BYTES and os.strerror(errno.ENOSPC) not in str(error):
            raise
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
    finally:
        draft.unlink(missing_ok=True)


def _umask() -> int:
    """The process's mask of permissions, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
