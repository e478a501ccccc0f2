"""Decoded splits in the cache: written once, whole or not at all, and removed when they are of no more use."""

import errno
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from im2latex.dataset.decoded_split import PIXELS, DecodedSplit, read_decoded
from im2latex.dataset.shards import read_shards
from im2latex.dataset.vocabulary import SPECIALS, Vocabulary
from im2latex.errors import ArtifactError, ImageError, UsageError
from im2latex.images.decode import decode_png
from im2latex.io.parquet import write_table
from tests.toy_fixtures import draw, write_split

WORDS = [["a", "bc", "abcdef"], ["ddd", "e"]]
ALL_WORDS = WORDS[0] + WORDS[1]
LETTERS = Vocabulary([*SPECIALS, *"abcdef"])
MODULE = "im2latex.dataset.decoded_split"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IM2LATEX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("IM2LATEX_WORKERS", "2")
    return tmp_path / "cache" / "decoded"


def write_shards(folder: Path, words: list[list[str]] = WORDS) -> Path:
    for number, some in enumerate(words):
        write_split(folder / "train", some, LETTERS)
        (folder / "train/shard-00000.parquet").rename(folder / f"train/shard-{number:05d}.parquet.new")
    for path in folder.glob("train/*.new"):
        path.rename(path.with_suffix(""))
    return folder


def assert_holds(decoded: DecodedSplit, words: list[str]) -> None:
    images = [decode_png(draw(word)) for word in words]
    labels = [LETTERS.encode(word) for word in words]
    buckets = [int(len(word) > 4) for word in words]
    rows = [[*image.shape, len(label), bucket] for image, label, bucket in zip(images, labels, buckets, strict=True)]
    assert decoded.rows.tolist() == rows
    assert np.array_equal(decoded.pixels, np.concatenate([image.ravel() for image in images]))
    assert decoded.tokens.tolist() == [token for label in labels for token in label]


def test_a_split_is_decoded_once(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shards = write_shards(tmp_path)
    assert_holds(read_decoded(shards, "train"), ALL_WORDS)
    monkeypatch.setattr(f"{MODULE}.decode_png", None)
    again = read_decoded(shards, "train")
    assert_holds(again, ALL_WORDS)
    assert len([*cache.iterdir()]) == 1
    with pytest.raises(ValueError, match="read-only"):
        again.pixels[0] = 0


def test_images_of_many_tasks_are_in_order(tmp_path: Path) -> None:
    words = ["abcdef"[number % 6] * (1 + number % 7) for number in range(1300)]
    shards = write_shards(tmp_path, [words[:1100], words[1100:]])
    assert_holds(read_decoded(shards, "train"), words)


def test_readers_at_once_wait_for_one_that_decodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shards, decoded = write_shards(tmp_path), []

    def slow(png: bytes) -> object:
        decoded.append(png)
        time.sleep(0.02)
        return decode_png(png)

    monkeypatch.setattr(f"{MODULE}.decode_png", slow)
    with ThreadPoolExecutor(6) as pool:
        found = [*pool.map(lambda _: read_decoded(shards, "train"), range(6))]
    for one in found:
        assert_holds(one, ALL_WORDS)
    assert len(decoded) == 5


def test_what_a_killed_process_left_is_written_again(tmp_path: Path, cache: Path) -> None:
    shards = write_shards(tmp_path)
    child = os.fork()
    if not child:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(f"{MODULE}.decode_png", lambda _: time.sleep(60))
            read_decoded(shards, "train")
        os._exit(1)
    while not [*cache.glob(f"*/{PIXELS}")]:
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    (left,) = cache.iterdir()
    (left / PIXELS).write_bytes(bytes(10**6))
    assert_holds(read_decoded(shards, "train"), ALL_WORDS)
    assert sorted(path.name for path in left.iterdir()) == ["lock", "pixels.u8", "rows.i32", "tokens.i32"]


def test_only_splits_that_no_process_reads_are_removed(tmp_path: Path, cache: Path) -> None:
    first = read_decoded(write_shards(tmp_path / "1"), "train")
    second = read_decoded(write_shards(tmp_path / "2", [["f"]]), "train")
    (cache / "val-0").mkdir()
    assert len([*cache.iterdir()]) == 3
    del first
    third = read_decoded(write_shards(tmp_path / "3", [["a"]]), "train")
    assert len([*cache.iterdir()]) == 3, "the first is gone"
    assert_holds(second, ["f"])
    assert_holds(third, ["a"])
    assert_holds(read_decoded(tmp_path / "1", "train"), ALL_WORDS)


def changed(shards: Path, **columns: pa.Array) -> None:
    table = pa.concat_tables(read_shards(shards, "train"))
    for name, values in columns.items():
        table = table.set_column(table.schema.get_field_index(name), name, values)
    write_table(table, shards / "train/shard-00000.parquet")


def test_a_refused_split_leaves_nothing(tmp_path: Path, cache: Path) -> None:
    shards = write_shards(tmp_path, [["a", "bc"]])
    changed(shards, width=pa.array([9, 15], pa.int32()))
    with pytest.raises(ArtifactError, match="has 12x16 pixels, its row says 12x15; run `dvc repro bucket`"):
        read_decoded(shards, "train")
    changed(shards, image=pa.array([{"bytes": b"no image", "path": None}] * 2))
    with pytest.raises(ImageError, match="not a PNG"):
        read_decoded(shards, "train")
    assert {path.name for path in cache.glob("*/*")} == {"lock"}


def test_a_full_disk_leaves_nothing(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"{MODULE}.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        read_decoded(write_shards(tmp_path), "train")
    assert {path.name for path in cache.glob("*/*")} == {"lock"}


def test_a_cache_that_cannot_be_written_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("IM2LATEX_CACHE", str(tmp_path / "file"))
    with pytest.raises(UsageError, match=r"cannot be created or locked \(Not a directory\); set IM2LATEX_CACHE"):
        read_decoded(write_shards(tmp_path), "train")


def test_a_file_system_without_locks_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def without_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("im2latex.io.folder_lock.fcntl.flock", without_locks)
    with pytest.raises(UsageError, match=r"\(No locks available\)"):
        read_decoded(write_shards(tmp_path), "train")
