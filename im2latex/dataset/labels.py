"""Reader of the normalized formulas in pipeline artifacts, with the split of each.

reads  data/normalize                  all normalized formulas
       data/render, data/filter        the normalized formulas that have an image, or that were kept
       data/bucket, data/bucket/train  the samples of the shards; several styles of a formula count once
       or one Parquet file of these, if it has a column `latex`
"""

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from im2latex.dataset.readers.files import SPLIT_NAMES
from im2latex.dataset.shards import SHARDS
from im2latex.errors import ArtifactError, InputError
from im2latex.io.parquet import PARQUET_ERRORS, part_paths, read_parts, read_table
from im2latex.types import Split

Label = tuple[Split | None, str]
"""The split, or None, and the normalized formula."""

_IDENTITY, _LATEX = "formula_id", "latex"


def read_labels(path: Path) -> Iterator[Label] | None:
    """Return the labels of an artifact, or None for a path that holds raw formulas.

    Raises `ArtifactError` where an artifact holds formula ids only and data/normalize is not beside it.
    """
    if path.is_dir():
        tables = _tables_of(path)
        return _labels(tables) if tables else None
    if path.suffix == ".parquet" and path.is_file() and _LATEX in (names := _columns(path)) and "formula" not in names:
        return _labels([(path, _split_of(path))])
    return None


def _tables_of(folder: Path) -> list[tuple[Path, Split | None]]:
    """List the Parquet files of an artifact, with the split of shards."""
    shards = [path for path in sorted(folder.rglob(SHARDS)) if len(path.relative_to(folder).parts) <= 2]
    if shards:
        return [(path, _split_of(path)) for path in shards]
    paths = sorted(folder.glob("*.parquet"))
    if not any(_IDENTITY in _columns(path) for path in paths):
        return []
    return [(path, None) for path in paths if path.name != "rejects.parquet" and _IDENTITY in _columns(path)]


def _split_of(path: Path) -> Split | None:
    return SPLIT_NAMES.get(path.parent.name)


def _columns(path: Path) -> list[str]:
    try:
        names: list[str] = pq.read_schema(path).names
    except PARQUET_ERRORS as error:
        raise InputError(f"{path}: not a readable Parquet file ({error})") from None
    return names


def _labels(tables: list[tuple[Path, Split | None]]) -> Iterator[Label]:
    """Yield one label per formula."""
    seen: set[str] = set()
    named: set[str] = set()
    for path, split in tables:
        columns = [name for name in (_IDENTITY, _LATEX, "split") if name in _columns(path)]
        table = read_table(path, columns)
        if _LATEX not in columns:
            named.update(table[_IDENTITY].to_pylist())
            continue
        for row in table.to_pylist():
            name = row.get(_IDENTITY)
            if name is None or name not in seen:
                seen.add(name)
                yield SPLIT_NAMES.get(row.get("split") or "", split), row[_LATEX]
    if named:
        yield from _look_up(named, tables[0][0].parent)


def _look_up(named: set[str], folder: Path) -> Iterator[Label]:
    """Look up the labels of formula ids in data/normalize beside the folder."""
    normalize = folder.resolve().parent / "normalize"
    try:
        part_paths(normalize)
    except ArtifactError:
        raise ArtifactError(f"{folder}: holds ids only, and {normalize} is missing; run `dvc repro`") from None
    for row in read_parts(normalize, [_IDENTITY, "split", _LATEX]).to_pylist():
        if row[_IDENTITY] in named:
            yield SPLIT_NAMES.get(row["split"] or ""), row[_LATEX]
