"""Shards hold the rows in order and a fixed number each, for any sizes of the input tables."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from im2latex.dataset.shards import ShardWriter, dataset_hash, read_dataset, read_images, read_shards
from im2latex.errors import ArtifactError
from im2latex.schemas import SAMPLES


def rows(first: int, count: int) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {"formula_id": str(n), "latex": "x", "tokens": [4], "bucket": 0, "image": {"bytes": b"png", "path": None}}
            for n in range(first, first + count)
        ],
        schema=SAMPLES,
    )


def write(folder: Path, pieces: list[int]) -> None:
    writer = ShardWriter(folder, "train", 4)
    first = 0
    for count in pieces:
        writer.add(rows(first, count))
        first += count
    writer.close()


def test_bytes_do_not_depend_on_the_pieces(tmp_path: Path) -> None:
    write(tmp_path / "a", [10])
    write(tmp_path / "b", [1, 6, 0, 3])
    files = sorted(path.name for path in (tmp_path / "a" / "train").iterdir())
    assert files == ["shard-00000.parquet", "shard-00001.parquet", "shard-00002.parquet"]
    for file in files:
        assert (tmp_path / "a/train" / file).read_bytes() == (tmp_path / "b/train" / file).read_bytes()
    names = [
        name
        for table in read_shards(tmp_path / "a", "train", ["formula_id"])
        for name in table["formula_id"].to_pylist()
    ]
    assert names == [str(n) for n in range(10)]


def test_pandas_reads_them(tmp_path: Path) -> None:
    write(tmp_path, [3])
    frame = pd.read_parquet(tmp_path / "train" / "shard-00000.parquet")
    assert frame["image"][0] == {"bytes": b"png", "path": None}


def test_images_are_found_in_whichever_shard_they_lie(tmp_path: Path) -> None:
    write(tmp_path, [10])
    assert read_images(tmp_path, "train", ["9", "2", "none"]) == {"9": b"png", "2": b"png"}


def test_absent_splits_are_named(tmp_path: Path) -> None:
    write(tmp_path, [3])
    with pytest.raises(ArtifactError, match="has no split 'test'; present: train; .*normalize.split.test"):
        list(read_shards(tmp_path, "test"))
    with pytest.raises(ArtifactError, match="run `dvc repro bucket`"):
        read_dataset(tmp_path)


def test_the_logical_hash_ignores_order_and_notices_content() -> None:
    first, second = ("a", "train", "p", "x"), ("b", "test", "q", "y")
    assert dataset_hash([first, second]) == dataset_hash([second, first])
    assert dataset_hash([first, second]) != dataset_hash([first, ("b", "val", "q", "y")])
