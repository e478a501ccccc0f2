"""Rows keep their places, with a picture or a reason."""

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from im2latex.errors import InputError
from im2latex.records import BadRow, RawFormula
from im2latex.rendering.engine import RenderParams
from im2latex.rendering.export import render_rows, write_folder, write_parquet
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
    monkeypatch.setattr("im2latex.rendering.export.TexRenderer", lambda params: FakeRenderer())


def test_parquet(tmp_path: Path) -> None:
    out = tmp_path / "out" / "pictures.parquet"
    assert write_parquet(render_rows(ROWS, RenderParams()), out) == (5, 2)
    rows = pq.read_table(out).to_pylist()
    assert [row["reason"] for row in rows] == [None, "not_utf8: byte", r"undefined_macro: \broken", None, None]
    assert [row["image"] is None for row in rows] == [False, True, True, False, False]
    assert [row["id"] for row in rows][:3] == ["a", "f:2", "../c"]
    assert (rows[0]["width"], rows[0]["height"]) == (12, 40)
    assert [path.name for path in out.parent.iterdir()] == ["pictures.parquet"]


def test_folder(tmp_path: Path) -> None:
    out = tmp_path / "pictures"
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


def test_what_fails_leaves_no_file(tmp_path: Path) -> None:
    def rows() -> Iterator[dict[str, object]]:
        yield {"id": "a", "formula": "x"}
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        write_parquet(rows(), tmp_path / "out.parquet")
    assert list(tmp_path.iterdir()) == []
