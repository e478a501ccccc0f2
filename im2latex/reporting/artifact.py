"""Look at any Parquet artifact: what it holds, its first rows, and one sample as every stage knows it.

reads  a .parquet file, in bounded memory whatever its size; for one sample also the other artifacts of the project
       that the file lies in
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from im2latex.errors import InputError
from im2latex.io.parquet import PARQUET_ERRORS
from im2latex.reporting.provenance import STAGES

NAMES = ("formula_id", "id")
"""Columns that name a sample: in the project's artifacts, in those of `im2latex render`."""

IMAGES = ("image", "before", "after")
"""Columns that hold images."""

SHORTEST = 6
"""Characters of a formula_id that are taken for its beginning; pages and messages show twelve."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Artifact:
    """One file: its columns with their types, and its size."""

    path: Path
    rows: int
    size: int
    groups: int
    columns: dict[str, str]

    @classmethod
    def open(cls, path: Path) -> "Artifact":
        """Read the file's own description; raises `InputError` where it is no Parquet file."""
        if path.is_dir():
            raise InputError(f"{path}: is a folder; {_files_in(path)}")
        try:
            data = pq.read_metadata(path)
            columns = {field.name: str(field.type) for field in data.schema.to_arrow_schema()}
        except FileNotFoundError:
            raise InputError(f"{path}: no such file") from None
        except PARQUET_ERRORS:
            raise InputError(f"{path}: is not a Parquet file, or a damaged one; inspect shows .parquet") from None
        return cls(path, data.num_rows, path.stat().st_size, data.num_row_groups, columns)

    @property
    def key(self) -> str | None:
        """The column that names its samples."""
        return next((name for name in NAMES if name in self.columns), None)

    def name_of(self, row: Row) -> str:
        """The id of the sample in a row; empty where the file has no ids."""
        return str(row[self.key]) if self.key else ""

    def first(self, count: int) -> list[Row]:
        """Its first rows."""
        try:
            with pq.ParquetFile(self.path) as file:
                batch = next(file.iter_batches(max(1, count)), None)
            rows: list[Row] = batch.to_pylist()[:count] if batch is not None else []
        except PARQUET_ERRORS as error:
            raise InputError(f"{self.path}: damaged ({error})") from None
        return rows

    def rows_of(self, name: str) -> list[Row]:
        """All rows of the one sample whose id is or begins with `name`; raises `InputError` where it is not one."""
        if self.key is None:
            raise InputError(
                f"{self.path}: has no column formula_id to look {name} up in; it has {', '.join(self.columns)}"
            )
        found = {row[self.key]: row for row in self.matching(name, [self.key])}
        if len(found) > 1 and name not in found:
            some = ", ".join(list(found)[:3])
            raise InputError(f"{name}: {len(found):,} samples begin so in {self.path} ({some}, …); give more of it")
        if not found:
            raise InputError(f"{name}: no sample of this id in {self.path}, which has {self.rows:,} rows")
        whole = name if name in found else next(iter(found))
        return [row for row in self.matching(whole) if row[self.key] == whole]

    def matching(self, name: str, columns: list[str] | None = None) -> Iterator[Row]:
        """Rows whose id begins with `name`; a row group's other columns are read only where it holds one."""
        try:
            yield from self._matching(name, columns)
        except PARQUET_ERRORS as error:
            raise InputError(f"{self.path}: damaged ({error})") from None

    def _matching(self, name: str, columns: list[str] | None) -> Iterator[Row]:
        with pq.ParquetFile(self.path) as file:
            for group in range(file.num_row_groups):
                ids = file.read_row_group(group, columns=[self.key])[self.key].cast(pa.string())
                chosen = pc.starts_with(ids, name) if len(name) >= SHORTEST else pc.equal(ids, name)
                if pc.any(chosen).as_py():
                    yield from file.read_row_group(group, columns=columns).filter(chosen).to_pylist()


def elsewhere(path: Path, name: str) -> dict[str, list[Row]]:
    """The rows of a sample in the other artifacts of the file's project, by stage in the order of the graph."""
    data = next((folder for folder in path.resolve().parents if folder.name == "data"), None)
    found: dict[str, list[Row]] = {}
    for stage in STAGES if data else ():
        assert data
        for file in sorted((data / stage).rglob("*.parquet")):
            artifact = Artifact.open(file)
            if file != path.resolve() and artifact.key:
                title = f"{stage} (rejects)" if file.stem == "rejects" else stage
                rows = [row for row in artifact.matching(name) if artifact.name_of(row) == name]
                if rows:
                    found.setdefault(title, []).extend(rows)
    return found


def image(row: Row) -> bytes | None:
    """The first encoded image in a row."""
    found = (row[name]["bytes"] for name in IMAGES if isinstance(row.get(name), dict) and row[name].get("bytes"))
    data: bytes | None = next(found, None)
    return data


def _files_in(folder: Path) -> str:
    names = sorted(path.as_posix() for path in folder.rglob("*.parquet"))
    return f"it holds {', '.join(names[:5])}{', …' if len(names) > 5 else ''}" if names else "it holds no .parquet file"
