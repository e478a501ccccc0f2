"""Pool of worker processes: its size, and the map of a function over items on all cores."""

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import TypeVar

from im2latex.errors import UsageError
from im2latex.parallel.parent_death_signal import delayed

T = TypeVar("T")
R = TypeVar("R")


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


def split(items: Sequence[T], chunk_sizes: tuple[int, int]) -> list[Sequence[T]]:
    """Chunks of the items for all cores, in order.

    `chunk_sizes` are the least and the most items of a chunk; the least has precedence over the use of all cores.
    """
    least, most = chunk_sizes
    workers = worker_count()
    rounds = -(-len(items) // (most * workers)) or 1
    size = max(least, -(-len(items) // (rounds * workers)))
    return [items[start : start + size] for start in range(0, len(items), size)]


def map_parallel(function: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
    """The result of `function` for each item, in order, on all cores; each item is a task of its own."""
    import joblib

    pool = joblib.Parallel(n_jobs=min(worker_count(), len(items)) or 1, return_as="generator")
    results: Iterator[R] = pool(delayed(function)(item) for item in items)
    return results


def map_chunks(
    function: Callable[[Sequence[T]], list[R]], items: Sequence[T], chunk_sizes: tuple[int, int]
) -> Iterator[R]:
    """The results of `function` on chunks of the items as by `split`, one result for each item, in order."""
    return chain.from_iterable(map_parallel(function, split(items, chunk_sizes)))
