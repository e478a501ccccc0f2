"""Folders of the user's cache, whose files can be built again at any time."""

import os
import tempfile
from pathlib import Path


def user_cache_folder(name: str) -> Path:
    """A folder of this project in XDG_CACHE_HOME or ~/.cache, else in the temporary folder; it is created."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    folder = base / "im2latex" / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        folder = Path(tempfile.gettempdir()) / f"im2latex-{name}-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder
