"""`im2latex inspect`: the columns and first rows of a Parquet artifact, or one sample in all artifacts, as text.

reads  a .parquet file, in bounded memory whatever its size; for one sample also the other artifacts of the project
       that the file belongs to
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from im2latex.errors import InputError
from im2latex.images.arrays import PAPER, Pixels, to_grayscale
from im2latex.images.sandboxed_decoder import decode_image
from im2latex.io.parquet import PARQUET_ERRORS
from im2latex.io.stage_names import GRAPH
from im2latex.reporting.provenance import reported_stages

ID_COLUMNS = ("formula_id", "id")
"""Columns that identify a sample: in the artifacts of the project, in those of `im2latex render`."""

IMAGE_COLUMNS = ("image", "before", "after")
"""Columns that hold images."""

MIN_PREFIX = 6
"""Fewest characters of a formula_id that may abbreviate the whole; pages and messages show twelve."""

ArtifactRow = dict[str, Any]


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
        """Read the metadata of the file; raises `InputError` where it is no Parquet file."""
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
        """The column that identifies samples; None without one."""
        return next((name for name in ID_COLUMNS if name in self.columns), None)

    def name_of(self, row: ArtifactRow) -> str:
        """The id of the sample in a row; empty where the file has no ids."""
        return str(row[self.key]) if self.key else ""

    def first(self, count: int) -> list[ArtifactRow]:
        """Its first rows."""
        try:
            with pq.ParquetFile(self.path) as file:
                batch = next(file.iter_batches(max(1, count)), None)
            rows: list[ArtifactRow] = batch.to_pylist()[:count] if batch is not None else []
        except PARQUET_ERRORS as error:
            raise InputError(f"{self.path}: damaged ({error})") from None
        return rows

    def rows_of(self, name: str) -> list[ArtifactRow]:
        """All rows of the sample whose id is or begins with `name`; raises `InputError` unless there is exactly one."""
        if self.key is None:
            raise InputError(
                f"{self.path}: has no column formula_id to find {name} in; it has {', '.join(self.columns)}"
            )
        found = {row[self.key]: row for row in self.matching(name, [self.key])}
        if len(found) > 1 and name not in found:
            some = ", ".join(list(found)[:3])
            raise InputError(
                f"{name}: {len(found):,} samples begin with it in {self.path} ({some}, …); give more characters"
            )
        if not found:
            raise InputError(f"{name}: no sample of this id in {self.path}, which has {self.rows:,} rows")
        whole = name if name in found else next(iter(found))
        return [row for row in self.matching(whole) if row[self.key] == whole]

    def matching(self, name: str, columns: list[str] | None = None) -> Iterator[ArtifactRow]:
        """Rows whose id begins with `name`; a row group's other columns are read only where it holds one."""
        try:
            yield from self._matching(name, columns)
        except PARQUET_ERRORS as error:
            raise InputError(f"{self.path}: damaged ({error})") from None

    def _matching(self, name: str, columns: list[str] | None) -> Iterator[ArtifactRow]:
        with pq.ParquetFile(self.path) as file:
            for group in range(file.num_row_groups):
                ids = file.read_row_group(group, columns=[self.key])[self.key].cast(pa.string())
                chosen = pc.starts_with(ids, name) if len(name) >= MIN_PREFIX else pc.equal(ids, name)
                if pc.any(chosen).as_py():
                    yield from file.read_row_group(group, columns=columns).filter(chosen).to_pylist()


def rows_in_other_artifacts(path: Path, name: str) -> dict[str, list[ArtifactRow]]:
    """The rows of a sample in the other artifacts of the file's project, by stage in the order of the graph.

    None where the file is in no folder data/ of a project with a dvc.yaml.
    """
    data = next((folder for folder in path.resolve().parents if folder.name == "data"), None)
    found: dict[str, list[ArtifactRow]] = {}
    if data is None or not (data.parent / GRAPH).is_file():
        return found
    for stage in reported_stages(data.parent):
        for file in sorted((data / stage).rglob("*.parquet")):
            artifact = Artifact.open(file)
            if file != path.resolve() and artifact.key:
                title = f"{stage} (rejects)" if file.stem == "rejects" else stage
                rows = [row for row in artifact.matching(name) if artifact.name_of(row) == name]
                if rows:
                    found.setdefault(title, []).extend(rows)
    return found


def image(row: ArtifactRow) -> bytes | None:
    """The first encoded image in a row."""
    found = (row[name]["bytes"] for name in IMAGE_COLUMNS if isinstance(row.get(name), dict) and row[name].get("bytes"))
    data: bytes | None = next(found, None)
    return data


def _files_in(folder: Path) -> str:
    names = sorted(path.as_posix() for path in folder.rglob("*.parquet"))
    return f"it holds {', '.join(names[:5])}{', …' if len(names) > 5 else ''}" if names else "it holds no .parquet file"


MAX_LINES = 16
"""Most lines of an image."""

KEY_COLUMNS = ("input", "style", "rank")
"""Columns that distinguish the rows of one sample, and are therefore shown of each."""


def overview(artifact: Artifact, rows: Iterable[ArtifactRow], columns: int | None) -> Group:
    """Columns and first rows, a value a line; `columns` is the width of images, None for their sizes alone."""
    title = f"{artifact.path}: {artifact.rows:,} rows in {artifact.groups:,} row groups, {artifact.size:,} bytes"
    schema = _listing(max(map(len, artifact.columns), default=0))
    for name, kind in artifact.columns.items():
        schema.add_row(name, Text(kind, "dim"))
    parts: list[RenderableType] = [Text(title), Text(), schema]
    for number, row in enumerate(rows):
        parts += [Text(f"\nrow {number}", "bold"), *_row(row, columns, "ellipsis" if columns else "fold")]
    return Group(*parts)


def sample(
    artifact: Artifact, rows: list[ArtifactRow], others: Mapping[str, list[ArtifactRow]], columns: int | None
) -> Group:
    """One sample: its rows here, after the first only what differs from it; of other artifacts the new values."""
    parts: list[RenderableType] = []
    shown = {(name, repr(value)) for row in rows for name, value in row.items()}
    for row in rows:
        differs = {name: value for name, value in row.items() if name in KEY_COLUMNS or value != rows[0][name]}
        parts += [Text(str(artifact.path), "bold"), *_row(row if row is rows[0] else differs, columns), Text()]
    for stage, found in others.items():
        for row in found:
            new = {
                name: value for name, value in row.items() if name in KEY_COLUMNS or (name, repr(value)) not in shown
            }
            if new.keys() - set(KEY_COLUMNS):
                parts += [Text(stage, "bold"), *_row(new, None), Text()]
            shown |= {(name, repr(value)) for name, value in new.items()}
    return Group(*parts[:-1])


def _row(row: ArtifactRow, columns: int | None, overflow: Any = "fold") -> list[RenderableType]:
    table = _listing(max(map(len, row)), overflow)
    for name, value in row.items():
        table.add_row(name, Text(_value(name, value)))
    data = image(row)
    if data is None or columns is None:
        return [table]
    return [table, Text("\n".join(["", *unicode_image(to_grayscale(decode_image(data)), columns, MAX_LINES)]))]


def _listing(width: int, overflow: Any = "fold") -> Table:
    """Names of at most `width` characters beside values."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim", no_wrap=True, min_width=width)
    table.add_column(overflow=overflow, no_wrap=overflow == "ellipsis")
    return table


def _value(name: str, value: Any) -> str:
    """One value in one line."""
    if value is None:
        return "–"
    if name in IMAGE_COLUMNS and isinstance(value, dict):
        if not value.get("bytes"):
            return value.get("path") or "–"
        height, width = decode_image(value["bytes"]).shape[:2]
        return f"{width} × {height} px, {len(value['bytes']):,} bytes"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


HALF_BLOCKS = np.array([" ", "▄", "▀", "█"])
"""By ink in the upper pixel (2) and in the lower one (1)."""

INK = 0.25
"""Darkness from which a shrunk pixel is drawn, as a share: strokes are thin, and must not vanish."""


def unicode_image(pixels: Pixels, columns: int, lines: int) -> list[str]:
    """Lines of text for uint8 (H, W), two pixels a character, shrunk to fit and never enlarged."""
    height, width = pixels.shape
    step = max(width / columns, height / (2 * lines), 1.0)
    down, across = max(1, int(height / step)), max(1, int(width / step))
    ink = 1 - pixels.astype(np.float64) / PAPER
    darkness = _means(_means(ink, down).T, across).T
    drawn = np.pad(darkness >= INK, ((0, down % 2), (0, 0)))
    return ["".join(line).rstrip() for line in HALF_BLOCKS[2 * drawn[0::2] + drawn[1::2]]]


def _means(rows: np.ndarray, count: int) -> np.ndarray:
    """Neighbouring rows averaged to `count` of them."""
    edges = np.linspace(0, len(rows), count + 1).round().astype(int)
    means: np.ndarray = np.add.reduceat(rows, edges[:-1], axis=0) / np.diff(edges)[:, None]
    return means
