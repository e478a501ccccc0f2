"""Part cache: content-addressed results of the parts of a large table.

A part is a list of strings; the work on it returns a table with one row for each string, in order. The result is
stored under a key that covers the strings and all else that decides it (parameters, code fingerprint, tool versions).
Files are renamed into place, so an interrupted run resumes, appended rows cost only their own parts, and several
machines may fill one cache. A result whose SHA-256 differs from the one stored beside it is computed again.

reads, writes  <cache>/parts/<stage>/<key>.parquet, <key>.parquet.sha256
"""

import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import joblib
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from im2latex.errors import InputError, ToolError
from im2latex.io.atomic_write import atomic_write
from im2latex.io.hashing import read_sums, sha256_of, sum_line
from im2latex.io.parquet import write_table
from im2latex.parallel.parent_death_signal import delayed
from im2latex.parallel.process_pool import worker_count

Work = Callable[[Sequence[str]], pa.Table]


class PartCache:
    """Results of one stage under one key of parameters, code and tools."""

    def __init__(self, root: Path, stage: str, key: Mapping[str, object]) -> None:
        self.folder = root.resolve() / "parts" / stage
        self._key = json.dumps(key, sort_keys=True)

    def path(self, part: Sequence[str]) -> Path:
        """The file of this part's result, which may not exist yet."""
        text = json.dumps([self._key, list(part)])
        return self.folder / f"{hashlib.sha256(text.encode()).hexdigest()}.parquet"


@dataclass(frozen=True)
class Job:
    """One part, the work on it, and the cache for the result."""

    part: Sequence[str]
    work: Work
    cache: PartCache
    variant: str = ""
    """Which of several kinds of work of the stage it is; not part of the key."""

    @property
    def path(self) -> Path:
        """The file of the result, which may not exist yet."""
        return self.cache.path(self.part)

    def compute(self) -> Path:
        """Compute the part unless the cache has its intact result; returns the file.

        Raises `ToolError` where the result cannot be written.
        """
        path = self.path
        if _is_intact(path):
            return path
        if path.exists():
            tqdm.write(f"{path}: damaged, or without its checksum; this part is computed again", sys.stderr)
        table = self.work(self.part)
        if table.num_rows != len(self.part):
            raise AssertionError(f"{len(self.part)} rows went in, {table.num_rows} came out")

        def write(draft: Path) -> None:
            write_table(table, draft)
            line = sum_line(draft, path.name)
            atomic_write(_sums(path), lambda sums: sums.write_text(line, encoding="utf-8"))

        try:
            atomic_write(path, write)
        except OSError as error:
            raise ToolError(
                f"{path.parent}: a result cannot be written ({error.strerror}); finished parts are kept: "
                "free some space and run the same command again"
            ) from error
        return path


def _sums(path: Path) -> Path:
    """The file beside a result that holds its SHA-256."""
    return path.with_name(f"{path.name}.sha256")


def _is_intact(path: Path) -> bool:
    """Whether a result exists with the SHA-256 that is stored beside it."""
    try:
        return path.is_file() and read_sums(_sums(path)).get(path.name) == sha256_of(path)
    except (OSError, InputError):
        return False


def run_jobs(jobs: Iterable[Job], label: str, total: int) -> Iterator[pa.Table]:
    """Results in the order of the jobs, a few in flight at a time; `total` is the number of rows, for the bar."""
    pool = joblib.Parallel(n_jobs=worker_count(), return_as="generator", pre_dispatch="2*n_jobs")
    with tqdm(total=total, desc=label, unit="row", disable=None, delay=2) as bar:
        for path in pool(delayed(job.compute)() for job in jobs):
            table = pq.read_table(path, partitioning=None)
            bar.update(table.num_rows)
            yield table
