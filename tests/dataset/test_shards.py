"""Shards hold the rows in order and a fixed number each, for any sizes of the input tables."""

import hashlib
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from im2latex.dataset.shards import IDENTITIES, ShardWriter, dataset_hash, read_dataset, read_images, read_shards
from im2latex.errors import ArtifactError
from im2latex.io.parquet import write_table
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


def logical_hash(folder: Path, rows: list[tuple[str, str, str, str]]) -> str:
    table = pa.table([pa.array(column, pa.string()) for column in zip(*rows, strict=True)], schema=IDENTITIES)
    write_table(table, folder / "samples.parquet")
    return dataset_hash(folder / "samples.parquet", folder)


def test_the_logical_hash_is_that_of_the_sorted_rows(tmp_path: Path) -> None:
    """In the order of Python's strings, which is that of code points."""
    texts = ["x", "\N{LATIN SMALL LETTER A WITH DIAERESIS}", "Z", "\N{GRINNING FACE}", "\ufffd", "a b", "a"]
    rows = [(f"{number % 2}", "train", f"{number % 3}", text) for number, text in enumerate([*texts, *texts])]
    lines = "".join("\0".join(row) + "\n" for row in sorted(rows))
    assert logical_hash(tmp_path, rows) == hashlib.sha256(lines.encode()).hexdigest()
    assert logical_hash(tmp_path, rows[::-1]) == logical_hash(tmp_path, rows)
    assert logical_hash(tmp_path, rows[1:]) != logical_hash(tmp_path, rows)
