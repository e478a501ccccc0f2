"""Parts: computed once, in order, by any number of workers; the cache after a kill and after damage."""

import errno
import os
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from im2latex.errors import ToolError, UsageError
from im2latex.parallel import part_cache
from im2latex.parallel.part_cache import Job, PartCache, run_jobs
from im2latex.parallel.process_pool import worker_count


class Counting:
    """Lengths of strings; leaves a mark in a folder for every part it works on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def __call__(self, part: Sequence[str]) -> pa.Table:
        (self.folder / part[0]).touch()
        return pa.table({"length": [len(text) for text in part]})

    @property
    def worked(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()}


PARTS = [["a", "bb"], ["ccc"], ["d", "ee", "fff"]]


def lengths(cache: PartCache, work: Counting, parts: Sequence[Sequence[str]] = PARTS) -> list[list[int]]:
    return [table["length"].to_pylist() for table in run_jobs([Job(part, work, cache) for part in parts], "test", 6)]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_results_keep_the_order_of_the_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: str) -> None:
    monkeypatch.setenv("IM2LATEX_WORKERS", workers)
    assert lengths(PartCache(tmp_path, "test", {}), Counting(tmp_path / "work")) == [[1, 2], [3], [1, 2, 3]]


def test_only_new_parts_are_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IM2LATEX_WORKERS", "1")
    cache = PartCache(tmp_path, "test", {"code": "1"})
    lengths(cache, Counting(tmp_path / "first"))
    again = Counting(tmp_path / "again")
    assert lengths(cache, again, [*PARTS, ["new"]]) == [[1, 2], [3], [1, 2, 3], [3]]
    assert again.worked == {"new"}


def test_another_key_shares_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IM2LATEX_WORKERS", "1")
    lengths(PartCache(tmp_path, "test", {"code": "1"}), Counting(tmp_path / "first"))
    other = Counting(tmp_path / "other")
    lengths(PartCache(tmp_path, "test", {"code": "2"}), other)
    assert other.worked == {"a", "ccc", "d"}


def test_a_damaged_result_is_computed_again(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Damage at any place, in the footer too, where a reader of Parquet accepts other content."""
    job = Job(["a", "bb"], Counting(tmp_path / "work"), PartCache(tmp_path, "test", {}))
    path = job.compute()
    sums = path.with_name(f"{path.name}.sha256")
    whole, checksum = path.read_bytes(), sums.read_bytes()
    damaged = [whole[:-20], whole + b"x", b""]
    damaged += [whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :] for place in range(0, len(whole), 7)]
    for content in damaged:
        path.write_bytes(content)
        assert job.compute().read_bytes() == whole
    assert capfd.readouterr().err.count("damaged, or without its checksum; this part is computed again") == len(damaged)
    for content in (checksum[:-20], checksum.replace(b"  ", b" \xff"), b"nonsense\n"):
        sums.write_bytes(content)
        assert job.compute() == path
        assert (path.read_bytes(), sums.read_bytes()) == (whole, checksum)


def test_a_result_of_another_part_is_not_taken(tmp_path: Path) -> None:
    cache, work = PartCache(tmp_path, "test", {}), Counting(tmp_path / "work")
    one, other = Job(["a"], work, cache), Job(["bb"], work, cache)
    one.compute().replace(other.compute())
    assert pq.read_table(other.compute())["length"].to_pylist() == [2]


def test_a_full_disk_is_one_sentence_and_leaves_nothing_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: pa.Table, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(part_cache, "write_table", full)
    with pytest.raises(ToolError, match=r"No space left on device\); finished parts are kept"):
        Job(["a"], Counting(tmp_path / "work"), PartCache(tmp_path, "test", {})).compute()
    assert list((tmp_path / "parts" / "test").iterdir()) == []


def test_work_must_answer_every_row(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="2 rows went in, 1 came out"):
        Job(["a", "b"], lambda _: pa.table({"length": [1]}), PartCache(tmp_path, "test", {})).compute()


def test_worker_count_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IM2LATEX_WORKERS", "many")
    with pytest.raises(UsageError, match="IM2LATEX_WORKERS=many: must be a whole number"):
        worker_count()
