"""Big tables in parts, and the content-addressed cache of their results.

A part is a list of strings; the work on it gives a table with one row a string, in order. The result is stored under
a key made of the strings and of a recipe (parameters, code fingerprint, tool versions), by atomic rename, so a
killed run resumes, appended rows cost only their own parts, and several machines may fill one cache. A result whose
SHA-256 is not the one written beside it is computed again.

reads, writes  <cache>/parts/<stage>/<key>.parquet, <key>.parquet.sha256
"""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import joblib
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from im2latex.errors import InputError, ToolError
from im2latex.io.hashing import read_sums, sha256_of, sum_line
from im2latex.io.parquet import write_table
from im2latex.parallel.process_guard import task
from im2latex.parallel.workers import worker_count

Work = Callable[[Sequence[str]], pa.Table]


class PartCache:
    """Results of one stage under one recipe."""

    def __init__(self, root: Path, stage: str, recipe: Mapping[str, object]) -> None:
        # workers may have been started in another folder
        self.folder = root.resolve() / "parts" / stage
        self._recipe = json.dumps(recipe, sort_keys=True)

    def path(self, part: Sequence[str]) -> Path:
        """Where the result of this part is, or will be."""
        text = json.dumps([self._recipe, list(part)])
        return self.folder / f"{hashlib.sha256(text.encode()).hexdigest()}.parquet"


@dataclass(frozen=True)
class Job:
    """One part, the work on it, and the cache that keeps the result."""

    part: Sequence[str]
    work: Work
    cache: PartCache

    @property
    def path(self) -> Path:
        """Where the result is, or will be."""
        return self.cache.path(self.part)

    def result(self) -> Path:
        """Compute the part unless its result is there, whole; returns the file."""
        path = self.path
        if _is_whole(path):
            return path
        if path.exists():
            tqdm.write(f"{path}: damaged, or without its checksum; this part is computed again", sys.stderr)
        table = self.work(self.part)
        if table.num_rows != len(self.part):
            raise AssertionError(f"{len(self.part)} rows went in, {table.num_rows} came out")
        folder = path.with_suffix(f".{os.getpid()}.partial")
        partial, sums = folder / path.name, folder / _sums(path).name
        try:
            write_table(table, partial)
            sums.write_text(sum_line(partial), encoding="utf-8")
            sums.replace(_sums(path))
            partial.replace(path)
        except OSError as error:
            raise ToolError(
                f"{path.parent}: a result cannot be written ({error.strerror}); finished parts are kept: "
                "make room and run the same command again"
            ) from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return path


def _sums(path: Path) -> Path:
    """The file beside a result that holds its SHA-256."""
    return path.with_name(f"{path.name}.sha256")


def _is_whole(path: Path) -> bool:
    """Whether a result is there with the SHA-256 that was written beside it."""
    try:
        return path.is_file() and read_sums(_sums(path)).get(path.name) == sha256_of(path)
    except (OSError, InputError):
        return False


def run_jobs(jobs: Iterable[Job], label: str, total: int) -> Iterator[pa.Table]:
    """Results in the order of the jobs, a few in flight at a time; `total` is the number of rows, for the bar."""
    pool = joblib.Parallel(n_jobs=worker_count(), return_as="generator", pre_dispatch="2*n_jobs")
    with tqdm(total=total, desc=label, unit="row", disable=None, delay=2) as bar:
        for path in pool(task(job.result)() for job in jobs):
            table = pq.read_table(path, partitioning=None)
            bar.update(table.num_rows)
            yield table
