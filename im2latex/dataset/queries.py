"""Queries over Parquet files that may be larger than memory: DuckDB, which writes what does not fit to disk.

Every query has an ORDER BY on a unique key, so that its rows depend neither on threads nor on the memory limit.
"""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from im2latex.errors import ToolError
from im2latex.parallel.process_pool import worker_count

MEMORY = "512MB"
"""Limit on DuckDB's own memory; the process needs about 200 MB more."""
THREADS = 2
"""Most threads of a query: each needs a part of the memory for itself."""
QUERY_ROW_GROUP = 20_000
"""Rows of a row group of a file that is written to be queried."""
_BATCH_ROWS = 10_000


def stream_query(sql: str, scratch: Path, **tables: Path) -> Iterator[pa.Table]:
    """The result of a query over Parquet files, each known in it by its name here; temporary files are in `scratch`.

    Raises `ToolError` where memory or disk do not suffice.
    """
    import duckdb  # Training reads shards with modules that import this one, and has no queries.

    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY,
        "temp_directory": str(scratch / "spilled"),
        "threads": min(THREADS, worker_count()),
        "preserve_insertion_order": False,
        "autoinstall_known_extensions": False,
    }
    try:
        with duckdb.connect(config=config) as connection:
            for name, path in tables.items():
                connection.read_parquet(str(path)).create_view(name)
            for batch in connection.sql(sql).to_arrow_reader(_BATCH_ROWS):
                yield pa.Table.from_batches([batch])
    except duckdb.Error as error:
        raise ToolError(f"{scratch}: a query over the whole dataset failed ({error}); free some disk space") from error
