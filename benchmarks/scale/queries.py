"""The queries over the whole dataset, on tables of any size that DuckDB makes."""

from collections.abc import Callable
from pathlib import Path

import duckdb

from im2latex.dataset.filters import FilterParams, repeats_query
from im2latex.dataset.queries import QUERY_ROW_GROUP, stream_query
from im2latex.dataset.shards import dataset_hash
from pipeline.bucket import SIZES
from pipeline.normalize import REPEATED

_TEXT = "repeat('x ^ {{ 2 }} + ', 4 + ({key} % 16)::INT) || {key}"
"""A label of 55 to 200 characters."""
_SPLIT = "CASE hash(number // 40) % 10 WHEN 0 THEN 'test' WHEN 1 THEN 'val' ELSE 'train' END"
_KEY = "(number - CASE WHEN number % 20 = 19 THEN hash(number) % 100000 ELSE 0 END)"
"""One row of twenty repeats one of the 100,000 before it, as in another paper."""

TABLES = {
    "repeated_rows": f"number, md5({_KEY}::VARCHAR) AS formula_id, 3::TINYINT AS given_split_rank, "
    "sha256((number // 40)::VARCHAR) AS precedence",
    "repeated_samples": f"number, {_SPLIT} AS split, md5(({_KEY} // 2)::VARCHAR) AS pixel_hash, "
    f"{_TEXT.format(key=_KEY)} AS latex, '' AS reason",
    "sizes": "(20 + hash(number) % 300)::INT AS height, (30 + hash(number + 1) % 770)::INT AS width, "
    "(5 + hash(number + 2) % 145)::INT AS length",
    "dataset_hash": f"md5(number::VARCHAR) AS formula_id, {_SPLIT} AS split, md5((number + 1)::VARCHAR) AS pixel_hash, "
    f"{_TEXT.format(key='number')} AS latex",
}
"""Columns of the table that each query reads, by the number of the row."""


def _count(sql: str, name: str) -> Callable[[Path, Path], object]:
    return lambda path, scratch: sum(table.num_rows for table in stream_query(sql, scratch, **{name: path}))


QUERIES: dict[str, Callable[[Path, Path], object]] = {
    "repeated_rows": _count(REPEATED, "dataset"),
    "repeated_samples": _count(repeats_query(FilterParams()), "candidates"),
    "sizes": _count(SIZES, "kept"),
    "dataset_hash": dataset_hash,
}


def make_table(name: str, count: int, path: Path) -> None:
    """Write the table of a query with `count` rows."""
    source = f"SELECT {TABLES[name]} FROM (SELECT range AS number FROM range({count}))"
    with duckdb.connect(config={"memory_limit": "1GB", "threads": 1}) as connection:
        connection.sql(source).write_parquet(str(path), row_group_size=QUERY_ROW_GROUP, compression="zstd")
