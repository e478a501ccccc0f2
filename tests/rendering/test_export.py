"""Rows keep their places, with an image or a reason."""

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from im2latex.errors import InputError
from im2latex.rendering.export import render_rows, write_folder, write_parquet
from im2latex.rendering.renderer import RenderParams
from im2latex.types import BadRow, RawFormula
from tests.fakes import FakeRenderer

ROWS: list[RawFormula | BadRow] = [
    RawFormula("x", "f:1", "a"),
    BadRow("f:2", "not_utf8", "byte"),
    RawFormula(r"\broken", "f:3", "../c"),
    RawFormula("y", "f:4"),
    RawFormula("z", "f:5", "no/file name"),
]


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IM2LATEX_WORKERS", "1")
    monkeypatch.setattr("im2latex.rendering.export.create_renderer", lambda params: FakeRenderer())


def test_parquet(tmp_path: Path) -> None:
    out = tmp_path / "out" / "images.parquet"
    assert write_parquet(render_rows(ROWS, RenderParams()), out) == (5, 2)
    rows = pq.read_table(out).to_pylist()
    assert [row["reason"] for row in rows] == [None, "not_utf8: byte", r"undefined_macro: \broken", None, None]
    assert [row["image"] is None for row in rows] == [False, True, True, False, False]
    assert [row["id"] for row in rows][:3] == ["a", "f:2", "../c"]
    assert (rows[0]["width"], rows[0]["height"]) == (12, 40)
    assert [path.name for path in out.parent.iterdir()] == ["images.parquet"]


def test_folder(tmp_path: Path) -> None:
    out = tmp_path / "images"
    assert write_folder(render_rows(ROWS, RenderParams()), out) == (5, 2)
    rows = [json.loads(line) for line in (out / "render.jsonl").read_text().splitlines()]
    names = [row["image"] for row in rows if row["image"]]
    assert names[0] == "a.png"
    assert sorted(path.name for path in out.glob("*.png")) == sorted(names)
    assert all("/" not in name for name in names)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    with pytest.raises(InputError, match=r"is a file; name a folder, or a file that ends in .parquet"):
        write_folder(render_rows(ROWS, RenderParams()), tmp_path / "x")


AWKWARD = [
    "a",
    "a",
    "A",
    "a~2",
    "字" * 100,
    "字" * 100,
    "字" * 60,
    "x" * 300,
    "../up",
    "/etc/a",
    "a.xyz",
    ".b",
    "c\0",
    "",
    "con d",
]


def test_every_row_has_a_file_of_its_own(tmp_path: Path) -> None:
    rows: list[RawFormula | BadRow] = [RawFormula(f"x{number}", "f", name) for number, name in enumerate(AWKWARD)]
    out = tmp_path / "a" / "images.xyz"
    for _ in range(2):
        assert write_folder(render_rows(rows, RenderParams()), out) == (len(rows), 0)
    listed = [json.loads(line) for line in (out / "render.jsonl").read_text().splitlines()]
    names = [row["image"] for row in listed]
    assert len({name.casefold() for name in names}) == len(rows)
    assert names[:3] == ["a.png", "a~2.png", "A~3.png"]
    assert names[10] == "a.xyz.png"
    assert sorted(path.name for path in out.iterdir()) == sorted([*names, "render.jsonl"])
    assert [path.name for path in tmp_path.rglob("*.png") if path.parent != out] == []


def test_files_that_are_not_ours_stay(tmp_path: Path) -> None:
    rows: list[RawFormula | BadRow] = [RawFormula("x", "f", "new"), RawFormula("y", "f", "photo")]
    (tmp_path / "photo.png").write_bytes(b"mine")
    for _ in range(2):
        with pytest.raises(InputError, match=r"photo\.png: is there, and from no earlier rendering"):
            write_folder(render_rows(rows, RenderParams()), tmp_path)
    assert (tmp_path / "photo.png").read_bytes() == b"mine"
    (tmp_path / "photo.png").unlink()
    (tmp_path / "render.jsonl").write_bytes(b"\xff\n[1]\n{}\n" + b"[" * 100_000)
    assert write_folder(render_rows(rows, RenderParams()), tmp_path) == (2, 0)


@pytest.mark.parametrize("name", ["out.png", "out.jsonl", "out.PDF"])
def test_another_kind_of_file_is_no_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="is not written; name a folder"):
        write_folder(render_rows(ROWS, RenderParams()), tmp_path / name)
    (tmp_path / "x.parquet").mkdir()
    with pytest.raises(InputError, match="is a folder; name a file"):
        write_parquet(render_rows(ROWS, RenderParams()), tmp_path / "x.parquet")


def test_what_fails_leaves_no_file(tmp_path: Path) -> None:
    def rows() -> Iterator[dict[str, object]]:
        yield {"id": "a", "formula": "x"}
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        write_parquet(rows(), tmp_path / "out.parquet")
    assert list(tmp_path.iterdir()) == []
