"""Normalized formulas that the pipeline has written, with the split of each.

reads  data/normalize                  every normalized formula
       data/render, data/filter        of those the ones that have an image, that were kept
       data/bucket, data/bucket/train  the samples of the shards; a formula in several styles is one
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
"""A split, where one is given, and a normalized formula."""

_IDENTITY, _LATEX = "formula_id", "latex"


def read_labels(path: Path) -> Iterator[Label] | None:
    """The labels of an artifact; None for anything else, which is to be read as raw formulas.

    Raises `ArtifactError` where the artifact that holds the formulas is not beside one that only names them.
    """
    if path.is_dir():
        tables = _tables_of(path)
        return _labels(tables) if tables else None
    if path.suffix == ".parquet" and path.is_file() and _LATEX in (names := _columns(path)) and "formula" not in names:
        return _labels([(path, _split_of(path))])
    return None


def _tables_of(folder: Path) -> list[tuple[Path, Split | None]]:
    """The Parquet files of a folder of artifacts, each with the split that its folder is named after."""
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
    """One label a formula."""
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
        yield from _of(named, tables[0][0].parent)


def _of(named: set[str], folder: Path) -> Iterator[Label]:
    """The labels of formulas that are only named, from data/normalize beside the folder."""
    normalize = folder.resolve().parent / "normalize"
    try:
        part_paths(normalize)
    except ArtifactError:
        raise ArtifactError(f"{folder}: holds no formulas, and {normalize} is not beside it; run `dvc repro`") from None
    for row in read_parts(normalize, [_IDENTITY, "split", _LATEX]).to_pylist():
        if row[_IDENTITY] in named:
            yield SPLIT_NAMES.get(row["split"] or ""), row[_LATEX]
