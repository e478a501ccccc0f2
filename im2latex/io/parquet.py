"""Parquet tables: written with settings that fix every byte, read with checksums verified."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from im2latex.errors import ArtifactError, UsageError

PARQUET_ERRORS = (pa.ArrowException, OSError, ValueError, MemoryError)
"""What pyarrow raises for a damaged Parquet file; `UnicodeDecodeError` is a `ValueError`."""

ROW_GROUP = 1000
"""Rows of a Parquet row group: a reader of images holds about 2 MB at a time."""


def write_table(table: pa.Table, path: Path) -> None:
    """Write Parquet with settings that fix every byte for one pyarrow version; PNG bytes stay as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = [name for name in table.schema.names if name != "image"]
    compression = dict.fromkeys(columns, "ZSTD") | {"tokens.list.element": "ZSTD"}
    if "image" in table.schema.names:
        compression |= {"image.bytes": "NONE", "image.path": "NONE"}
    pq.write_table(
        table.combine_chunks(),
        path,
        row_group_size=ROW_GROUP,
        compression=compression,
        compression_level=None,
        use_dictionary=False,
        write_statistics=False,
        write_page_checksum=True,
        version="2.6",
        data_page_version="1.0",
    )


def write_by_suffix(table: pa.Table, path: Path) -> None:
    """Write a table without nested columns as CSV (.csv) or Parquet (.parquet), as the suffix says."""
    check_table_suffix(path)
    if path.suffix.lower() == ".csv":
        path.parent.mkdir(parents=True, exist_ok=True)
        csv.write_csv(table, path)
    else:
        write_table(table, path)


def check_table_suffix(path: Path) -> None:
    """Raise `UsageError` for a file that is neither CSV nor Parquet."""
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise UsageError(f"{path}: tables are written as .parquet or .csv; name a file that ends so")


def read_table(path: Path, columns: list[str] | None = None) -> pa.Table:
    """Read one Parquet file whole; raises `ArtifactError` where it is missing or damaged."""
    try:
        return pq.read_table(path, columns=columns, partitioning=None, page_checksum_verification=True)
    except FileNotFoundError:
        raise ArtifactError(f"{path}: no such artifact; run `dvc repro`") from None
    except PARQUET_ERRORS as error:
        raise ArtifactError(f"{path}: damaged ({error}); remove it and run `dvc repro`") from None


def part_paths(folder: Path, pattern: str = "part-*.parquet") -> list[Path]:
    """The parts of a table in order; raises `ArtifactError` where there is none."""
    paths = sorted(folder.glob(pattern))
    if not paths:
        raise ArtifactError(f"{folder}: holds no {pattern}; run `dvc repro`")
    return paths


def read_parts(folder: Path, columns: list[str] | None = None, pattern: str = "part-*.parquet") -> pa.Table:
    """Read all parts of a table as one; ask for columns without pixels where the dataset is large."""
    return pa.concat_tables(read_table(path, columns) for path in part_paths(folder, pattern))
