"""Every format and every kind of damage; every line of a file is accounted for."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from im2latex.dataset.readers.files import MAX_LINE_BYTES, read_as_lines, read_file
from im2latex.dataset.readers.layouts import read_raw_formulas
from im2latex.errors import InputError
from im2latex.types import BadRow, RawFormula


def formulas(path: Path) -> list[str]:
    return [row.formula if isinstance(row, RawFormula) else f"<{row.reason}>" for row in read_raw_formulas(path)]


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_text_lines_end_at_newlines_only(tmp_path: Path) -> None:
    content = "a\r\nb\u2028c\x0bd\n\ne\rf".encode()
    assert formulas(write(tmp_path / "f.txt", content)) == ["a", "b\u2028c\x0bd", "", "e", "f"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("name", ["f.txt", "f.jsonl", "f.csv"])
def test_lines_end_alike_in_all_text_formats(tmp_path: Path, name: str, end: str) -> None:
    sources = ["x^2", "y^2", "z"]
    lines = {"f.txt": sources, "f.jsonl": [f'{{"formula": "{s}"}}' for s in sources], "f.csv": ["formula", *sources]}
    assert formulas(write(tmp_path / name, "".join(line + end for line in lines[name]).encode())) == sources


@pytest.mark.parametrize("beyond", [-2, -1, 0, 1, 2, 3])
def test_a_line_end_may_fall_between_two_reads(tmp_path: Path, beyond: int) -> None:
    long = "y" * (MAX_LINE_BYTES + beyond)
    expected = [long if beyond <= 0 else "<line_too_long>", "", "z"]
    assert formulas(write(tmp_path / "f.txt", f"{long}\r\n\rz\r".encode())) == expected


def test_the_formula_file_of_im2latex_100k_is_counted_at_line_feeds(tmp_path: Path) -> None:
    write(tmp_path / "im2latex_formulas.lst", b"a\rb\nc\r\n")
    write(tmp_path / "im2latex_train.lst", b"0 p basic\n1 q basic\n")
    assert formulas(tmp_path) == ["a\rb", "c"]


def test_byte_order_mark_is_no_part_of_the_formula(tmp_path: Path) -> None:
    assert formulas(write(tmp_path / "f.txt", b"\xef\xbb\xbfx^2\n")) == ["x^2"]


def test_utf16_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="f.txt: is UTF-16; save it as UTF-8"):
        formulas(write(tmp_path / "f.txt", "x".encode("utf-16")))


def test_latin1_bytes_cost_one_line(tmp_path: Path) -> None:
    path = write(tmp_path / "f.txt", b"a\n\\text{caf\xe9}\nb\n")
    rows = list(read_file(path))
    assert [type(row) for row in rows] == [RawFormula, BadRow, RawFormula]
    assert rows[1] == BadRow("f.txt:2", "not_utf8", "not Unicode at character 9 (0xE9); save the file as UTF-8")


def test_nul_bytes_pass_to_the_normalizer(tmp_path: Path) -> None:
    assert formulas(write(tmp_path / "f.txt", b"a\0b\n")) == ["a\0b"]


def test_an_overlong_line_is_one_bad_row(tmp_path: Path) -> None:
    path = write(tmp_path / "f.txt", b"a\n" + b"x" * (3 * MAX_LINE_BYTES + 7) + b"\nb\n" + b"y" * MAX_LINE_BYTES)
    assert formulas(path) == ["a", "<line_too_long>", "b", "y" * MAX_LINE_BYTES]


@pytest.mark.parametrize("size", [MAX_LINE_BYTES - 1, MAX_LINE_BYTES, MAX_LINE_BYTES + 1, MAX_LINE_BYTES + 2])
def test_the_line_limit_is_exact(tmp_path: Path, size: int) -> None:
    path = write(tmp_path / "f.txt", b"x" * size + b"\nb\n")
    assert [len(formula) for formula in formulas(path)] == [size if size <= MAX_LINE_BYTES else 15, 1]


def test_jsonl_columns(tmp_path: Path) -> None:
    rows = [
        {"formula": "x", "id": 7, "paper": "p", "split": "validate"},
        {"formula": "y", "group": "g"},
        {"formula": 3},
        ["x"],
        {"formula": "z", "split": "dev2"},
        {"formula": "\ud800"},
    ]
    content = "\n".join(json.dumps(row) for row in rows) + "\n{broken\n"
    found = list(read_file(write(tmp_path / "f.jsonl", content.encode())))
    assert found[0] == RawFormula("x", "f.jsonl:1", "7", "p", "val")
    assert found[1] == RawFormula("y", "f.jsonl:2", None, "g")
    reasons = [row.reason for row in found if isinstance(row, BadRow)]
    assert reasons == ["missing_formula", "malformed_json", "unknown_split", "not_utf8", "malformed_json"]


def test_deep_json_is_a_bad_row(tmp_path: Path) -> None:
    assert formulas(write(tmp_path / "f.jsonl", b"[" * 100_000)) == ["<malformed_json>"]


def test_csv(tmp_path: Path) -> None:
    path = write(tmp_path / "f.csv", b'id,formula,split\r\n1,"a, b",train\r\n2,"x\ny",test\r\n3\r\n')
    rows = list(read_file(path))
    assert rows[:2] == [
        RawFormula("a, b", "f.csv:2", "1", None, "train"),
        RawFormula("x\ny", "f.csv:4", "2", None, "test"),
    ]
    assert isinstance(rows[2], BadRow)
    assert rows[2].reason == "malformed_csv"


def test_csv_without_the_column(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="f.csv:1: no column 'formula'; the columns are id, latex"):
        formulas(write(tmp_path / "f.csv", b"id,latex\n1,x\n"))


def test_csv_with_an_open_quote_names_the_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"f.csv:\d+: .*check the quotes"):
        formulas(write(tmp_path / "f.csv", b'formula\n"x\n' + b"y\n" * 100_000))


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "f.parquet"
    pq.write_table(pa.table({"formula": ["x", None], "id": [1, 2], "other": [0, 0]}), path)
    rows = list(read_file(path))
    assert rows[0] == RawFormula("x", "f.parquet:1", "1")
    assert isinstance(rows[1], BadRow)


def test_damaged_parquet_and_gzip(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a readable Parquet file"):
        formulas(write(tmp_path / "f.parquet", b"PAR1 no"))
    with pytest.raises(InputError, match="cannot be read"):
        formulas(write(tmp_path / "g.txt.gz", gzip.compress(b"x\n" * 1000)[:20]))


def test_gzipped_text(tmp_path: Path) -> None:
    assert formulas(write(tmp_path / "f.txt.gz", gzip.compress(b"x\ny\n"))) == ["x", "y"]


def test_a_folder_is_read_in_name_order(tmp_path: Path) -> None:
    write(tmp_path / "b.txt", b"b\n")
    write(tmp_path / "a.txt", b"a\n")
    write(tmp_path / "notes.md", b"no\n")
    assert formulas(tmp_path) == ["a", "b"]


def test_wrong_paths_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such dataset"):
        formulas(tmp_path / "absent")
    with pytest.raises(InputError, match=r"holds no .txt, .jsonl, .csv, .parquet file"):
        formulas(tmp_path)
    (tmp_path / "d.txt").mkdir()
    with pytest.raises(InputError, match="is a folder, not a file"):
        list(read_file(tmp_path / "d.txt"))


@pytest.mark.parametrize("name", ["f.lst", "f", "f.formulas", "f.tex.gz", "f.norm.lst.gz"])
def test_a_file_of_another_suffix_is_lines_of_text(tmp_path: Path, name: str) -> None:
    content = b'x^2\r\n\n\\text{caf\xe9}\n{"formula": 1}\n'
    path = write(tmp_path / name, gzip.compress(content) if name.endswith(".gz") else content)
    assert formulas(path) == ["x^2", "", "<not_utf8>", '{"formula": 1}']
    assert str(path) in (read_as_lines(path) or "")


@pytest.mark.parametrize("name", ["f.txt", "f.jsonl.gz", "f.csv", "f.parquet", "absent.lst", "folder.lst"])
def test_a_known_suffix_needs_no_note(tmp_path: Path, name: str) -> None:
    if "folder" in name:
        (tmp_path / name).mkdir()
    elif "absent" not in name:
        write(tmp_path / name, b"")
    assert read_as_lines(tmp_path / name) is None


def test_what_is_no_text_is_refused_unless_its_name_says_text(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"f\.png: is not text"):
        formulas(write(tmp_path / "f.png", b"\x89PNG\r\n\0\0"))
    with pytest.raises(InputError, match="is UTF-16"):
        formulas(write(tmp_path / "f.lst", "x\n".encode("utf-16")))


def lists(folder: Path, train: str, test: str) -> None:
    write(folder / "im2latex_formulas.lst", b"a\nb\r\n\xe9\nd\n")
    write(folder / "im2latex_train.lst", train.encode())
    write(folder / "im2latex_test.lst", test.encode())


def test_index_lists(tmp_path: Path) -> None:
    lists(tmp_path, "1 bbb basic\n0 aaa basic\n", "2 ccc basic\n")
    assert list(read_raw_formulas(tmp_path)) == [
        RawFormula("b", "im2latex_formulas.lst:2", "bbb", None, "train"),
        RawFormula("a", "im2latex_formulas.lst:1", "aaa", None, "train"),
        BadRow(
            "im2latex_formulas.lst:3",
            "not_utf8",
            "not Unicode at character 0 (0xE9); save the file as UTF-8",
            "ccc",
        ),
        BadRow("im2latex_formulas.lst:4", "unlisted", "no index list names this line"),
    ]


def test_index_lists_that_do_not_match(tmp_path: Path) -> None:
    lists(tmp_path, "4 x basic\n", "")
    with pytest.raises(
        InputError, match="im2latex_train.lst:1: entry of line 4, but im2latex_formulas.lst has 4 lines"
    ):
        formulas(tmp_path)
    lists(tmp_path, "x\n", "")
    with pytest.raises(InputError, match="im2latex_train.lst:1: an entry is `index image_name kind`"):
        formulas(tmp_path)


def test_images_of_parquet_are_cells_or_paths_or_none(tmp_path: Path) -> None:
    cells = [{"bytes": b"x", "path": None}, {"bytes": None, "path": "a/b.png"}, None]
    pq.write_table(pa.table({"formula": ["x", "y", "z"], "image": cells}), tmp_path / "t.parquet")
    paths = pa.array(["p.png", None, ""], pa.large_string())
    pq.write_table(pa.table({"formula": ["x", "y", "z"], "image": paths}), tmp_path / "u.parquet")
    found = [row.image for row in read_raw_formulas(tmp_path) if isinstance(row, RawFormula)]
    assert found == ["t.parquet#0", "a/b.png", None, "p.png", None, None]


def test_a_pair_of_json_files_names_images_and_formulas(tmp_path: Path) -> None:
    (tmp_path / "NAME2ID.json").write_text('{"a.jpg": 1, "b": 2, "c": 3}')
    (tmp_path / "ID2FORMULA.json").write_text('{"1": "x", "2": "y"}')
    assert [getattr(row, "image", None) for row in read_raw_formulas(tmp_path)] == [None, None, None]
    (tmp_path / "images").mkdir()
    first, second, third = read_raw_formulas(tmp_path)
    assert isinstance(first, RawFormula)
    assert isinstance(second, RawFormula)
    assert isinstance(third, BadRow)
    assert (first.formula, first.source_id, first.image) == ("x", "a.jpg", "images/a.jpg")
    assert (second.formula, second.image) == ("y", "images/b.png")
    assert third.reason == "missing_formula"
    (tmp_path / "NAME2ID.json").write_text("[1]")
    with pytest.raises(InputError, match="expected an object"):
        list(read_raw_formulas(tmp_path))


@pytest.mark.parametrize(("separator", "name"), [(";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")])
def test_a_csv_file_with_another_separator_names_it(tmp_path: Path, separator: str, name: str) -> None:
    path = tmp_path / "f.csv"
    path.write_text(f"id{separator}formula\n1{separator}x^2\n")
    with pytest.raises(InputError, match=f"separated by {name}"):
        list(read_file(path))


@pytest.mark.parametrize("name", ["f.xlsx", "f.ods"])
def test_a_spreadsheet_is_refused_with_the_next_step(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"PK\x03\x04\0")
    assert read_as_lines(path) is None
    with pytest.raises(InputError, match="spreadsheet; export it as CSV"):
        list(read_file(path))
    with pytest.raises(InputError, match="spreadsheet; export it as CSV"):
        list(read_raw_formulas(tmp_path))
