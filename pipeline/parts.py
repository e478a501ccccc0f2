"""The parts of the dataset: what normalize wrote of each, with what later stages made of it.

reads   data/normalize/part-NNNNN.parquet, data/render/part-NNNNN[.STYLE].parquet
        tables of a later stage, whose rows are in the order of the parts
"""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pyarrow as pa

from im2latex.io.parquet import RowCursor, part_paths, read_table, stream_table
from pipeline.paths import DATA


def rendered_parts() -> Iterator[tuple[Path, list[Path]]]:
    """The file of each part in data/normalize, and its files in data/render, of all styles in order."""
    for name, paths in groupby(part_paths(DATA / "render"), lambda path: path.name.partition(".")[0]):
        yield DATA / "normalize" / f"{name}.parquet", list(paths)


def read_images(paths: list[Path], columns: list[str]) -> pa.Table:
    """The rows of one part in all styles."""
    return pa.concat_tables(read_table(path, columns) for path in paths)


def open_rows(path: Path, columns: list[str], schema: pa.Schema) -> RowCursor:
    """A cursor over columns of a table of this schema."""
    return RowCursor(stream_table(path, columns), pa.schema([schema.field(name) for name in columns]))
