"""Folders of the project's cache, whose files are outside of all DVC outputs, and of its training runs."""

import os
from pathlib import Path


def cache_root() -> Path:
    """The folder of part results and other caches: IM2LATEX_CACHE, else .cache.

    An experiment in a temporary folder uses the .cache of the project that it was started in, which DVC_ROOT names.
    """
    if named := os.environ.get("IM2LATEX_CACHE"):
        return Path(named)
    root = Path(os.environ.get("DVC_ROOT", "."))
    inside = Path.cwd() != root and Path.cwd().is_relative_to(root)
    return (root if inside else Path()) / ".cache"


def state_root() -> Path:
    """The folder of training runs: IM2LATEX_STATE, which outlasts this checkout, else the cache."""
    return Path(os.environ.get("IM2LATEX_STATE") or cache_root())
