"""Parquet tables: written with settings that fix every byte, read with checksums verified."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv

from im2latex.errors import ArtifactError, UsageError

PARQUET_ERRORS = (pa.ArrowException, OSError, ValueError, MemoryError)
"""What pyarrow raises for a damaged Parquet file; `UnicodeDecodeError` is a `ValueError`."""

ROW_GROUP = 1000
"""Rows of a Parquet row group: a reader of images holds about 2 MB at a time."""
_ROWS_AT_ONCE = 100_000


class TableWriter:
    """Writes a table piece by piece, with the bytes of `write_table` however it is cut; closes as a context manager."""

    def __init__(self, path: Path, schema: pa.Schema, row_group: int = ROW_GROUP) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._schema, self._row_group = schema, row_group
        self._waiting: list[pa.Table] = []
        self._rows = self._written = 0
        self._writer = pq.ParquetWriter(
            path,
            schema,
            compression=_compression(schema),
            use_dictionary=False,
            write_statistics=False,
            write_page_checksum=True,
            version="2.6",
            data_page_version="1.0",
        )

    def add(self, table: pa.Table) -> None:
        """Append rows; whole row groups are written at once."""
        self._waiting.append(table)
        self._rows += table.num_rows
        if self._rows >= self._row_group:
            self._write(self._rows // self._row_group * self._row_group)

    def close(self) -> None:
        """Write the remaining rows, and the end of the file."""
        if self._rows or not self._written:
            self._write(self._rows)
        self._writer.close()

    def __enter__(self) -> "TableWriter":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _write(self, rows: int) -> None:
        table = pa.concat_tables([self._schema.empty_table(), *self._waiting]).combine_chunks()
        self._writer.write_table(table.slice(0, rows), row_group_size=self._row_group)
        self._waiting = [table.slice(rows)]
        self._rows -= rows
        self._written += 1


def _compression(schema: pa.Schema) -> dict[str, str]:
    """The codec of each column; PNG bytes stay as they are."""
    columns = [name for name in schema.names if name != "image"]
    found = dict.fromkeys(columns, "ZSTD") | {"tokens.list.element": "ZSTD"}
    if "image" in schema.names:
        found |= {"image.bytes": "NONE", "image.path": "NONE"}
    return found


def write_table(table: pa.Table, path: Path) -> None:
    """Write Parquet with settings that fix every byte for one pyarrow version."""
    with TableWriter(path, table.schema) as writer:
        for start in range(0, max(1, table.num_rows), _ROWS_AT_ONCE):  # the writer copies what it is given
            writer.add(table.slice(start, _ROWS_AT_ONCE))


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


def stream_table(path: Path, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """Read one Parquet file a row group at a time; raises `ArtifactError` as `read_table`."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            for group in range(file.num_row_groups):
                yield file.read_row_group(group, columns)
    except FileNotFoundError:
        raise ArtifactError(f"{path}: no such artifact; run `dvc repro`") from None
    except PARQUET_ERRORS as error:
        raise ArtifactError(f"{path}: damaged ({error}); remove it and run `dvc repro`") from None


class RowCursor:
    """The rows of consecutive tables, taken in order; how they are cut does not matter."""

    def __init__(self, tables: Iterable[pa.Table], schema: pa.Schema) -> None:
        self._tables, self._rest = iter(tables), schema.empty_table()

    def take_while(self, holds: Callable[[pa.Table], pa.ChunkedArray]) -> pa.Table:
        """The next rows, up to the first for which `holds`, of a table one boolean a row, is false."""
        taken = [self._rest.slice(0, 0)]
        while True:
            count = pc.index(holds(self._rest), False).as_py()
            if count >= 0:
                taken.append(self._rest.slice(0, count))
                self._rest = self._rest.slice(count)
                return pa.concat_tables(taken)
            taken.append(self._rest)
            following = next(self._tables, None)
            if following is None:
                self._rest = self._rest.slice(0, 0)
                return pa.concat_tables(taken)
            self._rest = following

    def take_up_to(self, last: int) -> pa.Table:
        """The next rows whose `number` is at most `last`."""
        return self.take_while(lambda rows: pc.less_equal(rows["number"], last))

    def take_among(self, ids: pa.ChunkedArray) -> pa.Table:
        """The next rows whose `formula_id` is among `ids`."""
        return self.take_while(lambda rows: pc.is_in(rows["formula_id"], ids))


def column_values(table: pa.Table, name: str) -> Iterator[Any]:
    """The values of a column, which are Python objects for a thousand rows at a time."""
    for batch in table.select([name]).to_batches(max_chunksize=ROW_GROUP):
        yield from batch.column(0).to_pylist()


class TableRows(Sequence[dict[str, Any]]):
    """The rows of a table as dicts, which exist while they are used."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for batch in self._table.to_batches(max_chunksize=ROW_GROUP):
            yield from batch.to_pylist()

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...

    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...

    def __getitem__(self, index: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        if isinstance(index, slice):
            return [self[place] for place in range(len(self))[index]]
        row: dict[str, Any] = self._table.slice(range(len(self))[index], 1).to_pylist()[0]
        return row


def part_paths(folder: Path, pattern: str = "part-*.parquet") -> list[Path]:
    """The parts of a table in order; raises `ArtifactError` where there is none."""
    paths = sorted(folder.glob(pattern))
    if not paths:
        raise ArtifactError(f"{folder}: holds no {pattern}; run `dvc repro`")
    return paths


def read_parts(folder: Path, columns: list[str] | None = None, pattern: str = "part-*.parquet") -> pa.Table:
    """Read all parts of a table as one; ask for columns without pixels where the dataset is large."""
    return pa.concat_tables(read_table(path, columns) for path in part_paths(folder, pattern))
