"""Tables are written and read in pieces as they are at once."""

import random
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from im2latex.errors import ArtifactError
from im2latex.io.parquet import RowCursor, TableRows, TableWriter, read_table, stream_table, write_table
from im2latex.schemas import LABELS, SAMPLES, image_schema

IDS = pa.schema([("formula_id", pa.string())])


def rows(count: int) -> pa.Table:
    generator = random.Random(count)
    return pa.Table.from_pylist(
        [
            {
                "formula_id": f"{number:032x}",
                "latex": "x + " * generator.randrange(40),
                "tokens": generator.sample(range(300), generator.randrange(60)),
                "bucket": generator.randrange(9),
                "image": {"bytes": generator.randbytes(generator.randrange(2000)), "path": None},
            }
            for number in range(count)
        ],
        schema=image_schema(SAMPLES),
    )


@pytest.mark.parametrize("count", [0, 1, 999, 1000, 1001, 3500])
@pytest.mark.parametrize("piece", [1, 7, 999, 1000, 2600])
def test_the_bytes_do_not_depend_on_the_pieces(count: int, piece: int, tmp_path: Path) -> None:
    table = rows(count)
    write_table(table, tmp_path / "at_once.parquet")
    with TableWriter(tmp_path / "pieces.parquet", table.schema) as writer:
        for start in range(0, count, piece):
            writer.add(table.slice(start, piece))
    assert (tmp_path / "pieces.parquet").read_bytes() == (tmp_path / "at_once.parquet").read_bytes()


def test_a_stream_holds_all_rows_or_says_what_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "labels.parquet"
    table = pa.Table.from_pylist([{"formula_id": str(n), "tokens": [n]} for n in range(2500)], schema=LABELS)
    write_table(table, path)
    pieces = list(stream_table(path, ["formula_id"]))
    assert [piece.num_rows for piece in pieces] == [1000, 1000, 500]
    assert pa.concat_tables(pieces) == read_table(path, ["formula_id"])
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ArtifactError, match="damaged"):
        list(stream_table(path))
    with pytest.raises(ArtifactError, match="no such artifact"):
        list(stream_table(tmp_path / "absent.parquet"))


@given(st.lists(st.integers(0, 4), max_size=12), st.lists(st.integers(0, 9), max_size=12))
def test_a_cursor_takes_the_rows_of_each_group_once(pieces: list[int], groups: list[int]) -> None:
    """However the tables are cut, and where a group has no row at all."""
    ids = [[f"{group}-{number}" for number in range(size)] for group, size in enumerate(groups)]
    every = [name for group in ids for name in group]
    cuts = [0, *(sum(pieces[: end + 1]) for end in range(len(pieces))), len(every)]
    tables = [pa.table({"formula_id": every[start:end]}, schema=IDS) for start, end in pairwise(cuts)]
    cursor = RowCursor(tables, IDS)
    for group in ids:
        wanted = pa.chunked_array([[*group, "absent"]], pa.string())
        assert cursor.take_among(wanted)["formula_id"].to_pylist() == group
    assert cursor.take_while(lambda table: pc.is_valid(table["formula_id"])).num_rows == 0


def test_rows_of_a_table_are_made_one_by_one() -> None:
    table = pa.concat_tables([rows(1500), rows(7)])
    whole, found = table.to_pylist(), TableRows(table)
    assert len(found) == 1507
    assert list(found) == whole
    assert (found[0], found[1503], found[-1]) == (whole[0], whole[1503], whole[-1])
    assert found[1498:1502] == whole[1498:1502]
    with pytest.raises(IndexError):
        found[1507]


def test_a_large_table_has_the_same_bytes_however_it_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_table(rows(4500), tmp_path / "whole.parquet")
    monkeypatch.setattr("im2latex.io.parquet._ROWS_AT_ONCE", 700)
    write_table(rows(4500), tmp_path / "cut.parquet")
    assert (tmp_path / "whole.parquet").read_bytes() == (tmp_path / "cut.parquet").read_bytes()
