"""Number of worker processes and threads."""

import os

from im2latex.errors import UsageError


def worker_count() -> int:
    """Processes to use: IM2LATEX_WORKERS, else one per core. Never part of any result."""
    value = os.environ.get("IM2LATEX_WORKERS")
    if value is None:
        # Counts the cores that this process may use, within the limits of a container.
        import joblib

        return int(joblib.cpu_count())
    if not value.isdecimal() or value == "0":
        raise UsageError(f"IM2LATEX_WORKERS={value}: must be a whole number of at least 1")
    return int(value)
