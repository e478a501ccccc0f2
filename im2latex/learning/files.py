"""Files written whole or not at all."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def replace(path: Path, write: Callable[[Path], object], earlier: Path | None = None) -> None:
    """Let `write` fill a neighbour of `path`, then rename it into place.

    What was there is kept as `earlier`, if that is named and the file system has hard links.
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
    finally:
        draft.unlink(missing_ok=True)
