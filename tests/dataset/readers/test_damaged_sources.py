"""Damaged and hostile files of formulas: a counted reject or one sentence, and the other rows are read."""

import gzip
import json
import os
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from im2latex.dataset.readers.files import MAX_LINE_BYTES, FormulaRow, read_file
from im2latex.dataset.readers.layouts import read_raw_formulas
from im2latex.errors import InputError
from im2latex.io import gzip_stream
from im2latex.types import BadRow, RawFormula

DEEP = "[" * 100_000
NOT_UTF8 = b"\xe9"


def outcome(rows: list[FormulaRow]) -> list[str]:
    """The formula of each row, or the reason that there is none."""
    return [row.formula if isinstance(row, RawFormula) else row.reason for row in rows]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt.gz", b"%d\n"),
        ("a.jsonl.gz", b'{"formula": "%d"}\n'),
        ("a.csv.gz", b"%d\n"),
        ("a.csv.gz", b'"%d"\n'),
        ("a.tex.gz", b"%d\n"),
    ],
)
@pytest.mark.parametrize("damage", ["cut", "flipped", "trailer"])
def test_a_corrupt_gzip_stream_ends_in_one_sentence(tmp_path: Path, name: str, content: bytes, damage: str) -> None:
    lines = [content % (number * number) for number in range(30_000)]
    packed = bytearray(gzip.compress(b"formula\n" * (".csv" in name) + b"".join(lines)))
    if damage == "cut":
        del packed[-5000:]
    else:
        packed[-5000 if damage == "flipped" else -6] ^= 0xFF
    (tmp_path / name).write_bytes(packed)
    found: list[FormulaRow] = []
    with pytest.raises(InputError, match=r"cannot be read"):
        found.extend(read_file(tmp_path / name))
    assert len(found) > 10_000, "what comes before the damage is read"
    assert outcome(found)[:3] == ["0", "1", "4"]


def test_what_unpacks_to_far_more_than_text_does_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gzip_stream, "UNLIMITED_BYTES", 200_000)
    for name, line in (("a.txt.gz", b"\n"), ("b.txt.gz", b"\0"), ("c.csv.gz", b'formula\n"'), ("d.jsonl.gz", b"{")):
        (tmp_path / name).write_bytes(gzip.compress(line + line[-1:] * 1_000_000))
        with pytest.raises(InputError, match=r"unpacks to more than 2"):
            list(read_file(tmp_path / name))


def invalid(*values: bytes | None) -> pa.Array:
    """Text that is not checked to be UTF-8."""
    return pa.array(values, pa.binary()).view(pa.string())


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_parquet_with_text_that_is_not_utf8_costs_single_rows(tmp_path: Path, kind: pa.DataType) -> None:
    formulas = invalid(b"a", NOT_UTF8, None, b"b")
    if pa.types.is_large_string(kind):
        formulas = pa.array([b"a", NOT_UTF8, None, b"b"], pa.large_binary()).view(kind)
    places = pa.StructArray.from_arrays(
        [pa.nulls(4, pa.binary()), invalid(b"p", b"q", NOT_UTF8, NOT_UTF8)], ["bytes", "path"]
    )
    table = pa.table(
        {"formula": formulas, "id": invalid(NOT_UTF8, b"2", b"3", b"4"), "group": invalid(*[NOT_UTF8] * 4)}
    )
    pq.write_table(table.append_column("image", places), tmp_path / "a.parquet")
    rows = list(read_file(tmp_path / "a.parquet"))
    assert outcome(rows) == ["a", "not_utf8", "missing_formula", "b"]
    assert [row.source_id for row in rows] == ["?", "2", "3", "4"]
    assert [row.image for row in rows if isinstance(row, RawFormula)] == ["p", "?"]


def test_parquet_with_other_damage_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"formula": invalid(b"a"), "split": invalid(NOT_UTF8)}), path)
    [row] = read_file(path)
    assert isinstance(row, BadRow)
    assert row.reason == "unknown_split"
    pq.write_table(pa.table({"formula": pa.DictionaryArray.from_arrays([0], invalid(NOT_UTF8))}), path)
    with pytest.raises(InputError, match="not a readable Parquet file"):
        list(read_file(path))
    pq.write_table(pa.table({"formula": ["a" * 50] * 3000}), path)
    whole = path.read_bytes()
    for place in range(0, len(whole), 11):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        with suppress(InputError):
            list(read_file(path))


@pytest.mark.parametrize("column", ["formula", "id", "group", "paper", "split", "image"])
@pytest.mark.parametrize("depth", [10, 900, 960, 980, 990, 995, 100_000])
def test_deep_values_in_json_cost_one_row(tmp_path: Path, column: str, depth: int) -> None:
    values = {"formula": '"x"', column: "[" * depth + "]" * depth}
    deep = "{" + ", ".join(f'"{name}": {value}' for name, value in values.items()) + "}"
    (tmp_path / "a.jsonl").write_text(f'{deep}\n{{"formula": "y"}}\n')
    assert outcome(list(read_file(tmp_path / "a.jsonl")))[1:] == ["y"]


@pytest.mark.parametrize("name", ["NAME2ID.json", "ID2FORMULA.json"])
@pytest.mark.parametrize(
    "content", [DEEP.encode(), b'{"a.png": ' + DEEP.encode(), b'{"a": "\xe9"}', b"{", b"[]", b"", b"\xff\xfe{\0}\0"]
)
def test_a_json_file_that_is_none_is_one_sentence(tmp_path: Path, name: str, content: bytes) -> None:
    for one in ("NAME2ID.json", "ID2FORMULA.json"):
        (tmp_path / one).write_text("{}")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=rf"{name}: (not JSON|expected an object)"):
        list(read_raw_formulas(tmp_path))


def test_odd_numbers_in_a_json_file_cost_single_rows(tmp_path: Path) -> None:
    deep = "[" * 900 + "]" * 900
    (tmp_path / "NAME2ID.json").write_text(
        '\ufeff{"a": 1, "b": ' + deep + ', "c": null, "d": {}, "e": 1e400, "\\ud800": 2, "f": "3"}'
    )
    (tmp_path / "ID2FORMULA.json").write_text(json.dumps({"1": "x", "2": "y", "3": "z", "None": "no", "null": "no"}))
    (tmp_path / "images").mkdir()
    rows = list(read_raw_formulas(tmp_path))
    assert outcome(rows) == ["x", *["missing_formula"] * 4, "y", "z"]
    for row in rows:
        f"{row}".encode()


LONG = "x" * 200_000
TOO_LONG = "x" * (MAX_LINE_BYTES + 1)


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([f"1,{LONG}", "2,b"], [LONG, "b"]),
        ([f'1,"{LONG}', f'{LONG}"', "2,b"], [f"{LONG}\n{LONG}", "b"]),
        ([f"1,{TOO_LONG}", "2,b"], ["line_too_long", "b"]),
        ([f'1,"{TOO_LONG}"', "2,b"], ["line_too_long", "b"]),
        ([f'1,"{TOO_LONG}""{TOO_LONG}"', "2,b"], ["line_too_long", "b"]),
        (["0,a", f'"{TOO_LONG}",{TOO_LONG}', f"1,{TOO_LONG}", "2,b"], ["a", "line_too_long", "line_too_long", "b"]),
        (["\0,a", "\0", "2,b"], ["a", "malformed_csv", "b"]),
    ],
)
def test_long_cells_of_csv(tmp_path: Path, lines: list[str], found: list[str]) -> None:
    (tmp_path / "a.csv").write_text("\n".join(["id,formula", *lines, ""]))
    assert outcome(list(read_file(tmp_path / "a.csv"))) == found


@pytest.mark.parametrize(
    "lines", [[f'1,"{TOO_LONG}', 'x"'], ['1,"a', f'{TOO_LONG}"'], ['1,"a', TOO_LONG, 'b"'], ['1,"a', *[LONG] * 6, 'b"']]
)
def test_a_quoted_cell_that_is_too_long_ends_csv_with_its_line(tmp_path: Path, lines: list[str]) -> None:
    """Where a quote is open, what follows cannot be distinguished from the cell."""
    (tmp_path / "a.csv").write_text("\n".join(["id,formula", "0,a", *lines, "2,b"]))
    rows = read_file(tmp_path / "a.csv")
    assert outcome([next(rows)]) == ["a"]
    with pytest.raises(InputError, match=r"a\.csv:\d+: "):
        list(rows)


def test_a_header_that_is_too_long_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"formula,{TOO_LONG}\na,b\n")
    with pytest.raises(InputError, match="no column 'formula'"):
        list(read_file(tmp_path / "a.csv"))


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("a.txt", [b"x", b"y"]),
        ("a.jsonl", [b'{"formula": "x"}', b'{"formula": "y"}']),
        ("a.csv", [b"formula", b"x", b'"y"']),
        ("a.lst", [b"x", b"y"]),
    ],
)
def test_line_ends_and_byte_order_marks(tmp_path: Path, name: str, lines: list[bytes], mark: bytes, end: bytes) -> None:
    for path, pack in ((tmp_path / name, bytes), (tmp_path / f"{name}.gz", gzip.compress)):
        path.write_bytes(pack(mark + end.join(lines) + end))
        assert outcome(list(read_file(path))) == ["x", "y"]


@pytest.mark.parametrize("number", ["9" * 5000, "9" * 18, "-1", "1.0", "\u0661"])
def test_an_odd_number_in_an_index_list_is_one_sentence(tmp_path: Path, number: str) -> None:
    (tmp_path / "im2latex_formulas.lst").write_text("x\n")
    (tmp_path / "im2latex_train.lst").write_text(f"{number} a basic\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"im2latex_train\.lst:1: "):
        list(read_raw_formulas(tmp_path))


@pytest.mark.parametrize(
    "name", [b"caf\xe9.txt", b"caf\xe9.jsonl", b"caf\xe9.csv", b"caf\xe9.parquet", b"v\xe9.formulas.txt"]
)
def test_file_names_that_are_not_utf8(tmp_path: Path, name: bytes) -> None:
    """What names a row is written to ledgers and messages."""
    path = tmp_path / os.fsdecode(name)
    if path.suffix == ".parquet":
        pq.write_table(pa.table({"formula": ["x", None], "image": [b"png", b"png"]}), tmp_path / "a")
        (tmp_path / "a").rename(path)
    else:
        path.write_text('{"formula": "x"}\n{}\n' if path.suffix == ".jsonl" else "formula\nx\n")
    for row in read_raw_formulas(tmp_path):
        assert r"\udce9" in row.place
        f"{row}".encode()
