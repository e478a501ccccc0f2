"""Writer and readers of the Parquet shards that a model is trained on.

writes  <folder>/<split>/shard-NNNNN.parquet   schemas.SAMPLES, in the given order
        <folder>/dataset.json                  logical dataset hash and counts
The logical hash covers ids, pixels and labels, not the bytes of the Parquet files, so that it does not depend on the
version of pyarrow.
"""

import hashlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from im2latex.dataset.queries import stream_query
from im2latex.errors import ArtifactError
from im2latex.io.json_files import read_json
from im2latex.io.parquet import part_paths, read_table, write_table
from im2latex.schemas import SAMPLES, image_schema

SHARDS = "shard-*.parquet"


class ShardWriter:
    """Buffers the rows of one split and writes a shard for every `rows` of them."""

    def __init__(self, folder: Path, split: str, rows: int) -> None:
        self._folder = folder / split
        self._rows = rows
        self._buffer: list[pa.Table] = []
        self._count = 0
        self._written = 0

    def add(self, table: pa.Table) -> None:
        """Append rows (SAMPLES)."""
        self._buffer.append(table)
        self._count += table.num_rows
        while self._count >= self._rows:
            self._flush(self._rows)

    def close(self) -> None:
        """Write the remaining rows."""
        if self._count:
            self._flush(self._count)

    def _flush(self, rows: int) -> None:
        table = pa.concat_tables(self._buffer)
        shard = table.slice(0, rows).cast(image_schema(SAMPLES))
        write_table(shard, self._folder / f"shard-{self._written:05d}.parquet")
        self._written += 1
        self._buffer = [table.slice(rows)]
        self._count -= rows


def missing_split_remedy(split: str) -> str:
    """What to do about a split that no sample reached."""
    share = f"a larger normalize.split.{split}, or " if split in ("val", "test") else ""
    return (
        "reports/ledger says which stage dropped the samples; set filter.unknown_tokens=keep "
        f"for few formulas, {share}the column `split`, and run `dvc repro bucket`"
    )


def shard_paths(folder: Path, split: str) -> list[Path]:
    """The shards of a split in order; raises `ArtifactError` where the split is missing."""
    if not (folder / split).is_dir():
        present = ", ".join(sorted(path.name for path in folder.glob("*/") if path.is_dir())) or "none"
        raise ArtifactError(f"{folder}: has no split '{split}'; present: {present}; {missing_split_remedy(split)}")
    return part_paths(folder / split, SHARDS)


def read_shards(folder: Path, split: str, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """Yield the shards of a split as tables; raises `ArtifactError` where the split is missing."""
    for path in shard_paths(folder, split):
        yield read_table(path, columns)


IDENTITIES = pa.schema([(name, pa.string()) for name in ("formula_id", "split", "pixel_hash", "latex")])
"""What the logical hash covers of a sample."""


def dataset_hash(samples: Path, scratch: Path) -> str:
    """SHA-256 of the sorted rows of a file of IDENTITIES; independent of order and shards."""
    digest = hashlib.sha256()
    columns = ", ".join(IDENTITIES.names)
    for table in stream_query(f"SELECT {columns} FROM samples ORDER BY {columns}", scratch, samples=samples):
        for row in zip(*(column.to_pylist() for column in table.columns), strict=True):
            digest.update("\0".join(row).encode() + b"\n")
    return digest.hexdigest()


def read_images(folder: Path, split: str, wanted: Collection[str]) -> dict[str, bytes]:
    """Return encoded images by formula_id; one shard is in memory at a time."""
    found: dict[str, bytes] = {}
    for shard in read_shards(folder, split, ["formula_id", "image"]):
        chosen = shard.filter(pc.is_in(shard["formula_id"], pa.array(sorted(wanted), pa.string())))
        found |= {row["formula_id"]: row["image"]["bytes"] for row in chosen.to_pylist()}
    return found


def read_dataset(folder: Path) -> dict[str, Any]:
    """Read dataset.json beside the shards."""
    return read_json(folder / "dataset.json", "dvc repro bucket")
