"""Files written whole or not at all."""

import errno
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from safetensors import SafetensorError

_LEAST_FREE = 1 << 20
"""Bytes: less is a full disk, of which a part may be kept for the system."""


def replace(path: Path, write: Callable[[Path], object], earlier: Path | None = None) -> None:
    """Let `write` fill a neighbour of `path`, then rename it into place.

    What was there is kept as `earlier`, if that is named and the file system has hard links. Raises `OSError` (ENOSPC)
    where the disk is full, which torch and safetensors tell in words of their own.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(draft)
        if earlier:
            earlier.unlink(missing_ok=True)
            with suppress(OSError):
                earlier.hardlink_to(path)
        os.replace(draft, path)  # noqa: PTH105 the name of what it does
    except (RuntimeError, SafetensorError) as error:
        if shutil.disk_usage(path.parent).free >= _LEAST_FREE and os.strerror(errno.ENOSPC) not in str(error):
            raise
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
    finally:
        draft.unlink(missing_ok=True)
