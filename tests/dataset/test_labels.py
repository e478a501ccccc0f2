"""Labels of pipeline artifacts."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from im2latex.dataset.labels import read_labels
from im2latex.dataset.shards import ShardWriter
from im2latex.errors import ArtifactError, InputError
from im2latex.io.parquet import write_table
from im2latex.schemas import FORMULAS, IMAGES, KEPT, REJECTS, SAMPLES

ROWS = [("1", "train", "x ^ { 2 }"), ("2", "val", "y"), ("3", "train", "z"), ("4", "test", "w"), ("5", "train", "z")]


def table(schema: pa.Schema, rows: Sequence[Mapping[str, object]]) -> pa.Table:
    return pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in rows], schema=schema)


def normalized(data: Path) -> Path:
    rows = [{"formula_id": name, "split": split, "latex": latex, "raw": latex} for name, split, latex in ROWS]
    for number in range(2):
        path = data / "normalize" / f"part-{number:05d}.parquet"
        write_table(table(FORMULAS, rows[number * 3 : number * 3 + 3]), path)
    rejects: list[dict[str, object]] = [{"formula_id": "9", "reason": "empty"}]
    write_table(table(REJECTS, rejects), data / "normalize" / "rejects.parquet")
    return data / "normalize"


def found(path: Path) -> list[tuple[str | None, str]]:
    labels = read_labels(path)
    assert labels is not None
    return list(labels)


def test_normalized_formulas(tmp_path: Path) -> None:
    folder = normalized(tmp_path)
    assert found(folder) == [(split, latex) for _, split, latex in ROWS]
    assert found(folder / "part-00001.parquet") == [(split, latex) for _, split, latex in ROWS[3:]]


@pytest.mark.parametrize(("stage", "schema"), [("render", IMAGES), ("filter", KEPT)])
def test_artifacts_that_name_formulas_only(tmp_path: Path, stage: str, schema: pa.Schema) -> None:
    named = [{"formula_id": name, "style": style} for name in "134" for style in ("base", "times")]
    write_table(table(schema, named), tmp_path / stage / "part-00000.parquet")
    with pytest.raises(ArtifactError, match="normalize is missing"):
        found(tmp_path / stage)
    normalized(tmp_path)
    assert found(tmp_path / stage) == [("train", "x ^ { 2 }"), ("train", "z"), ("test", "w")]


def test_shards_of_several_styles(tmp_path: Path) -> None:
    for split in ("train", "val"):
        writer = ShardWriter(tmp_path / "bucket", split, 2)
        for name, of, latex in ROWS:
            if of == split:
                rows: list[dict[str, object]] = [
                    {"formula_id": name, "style": style, "latex": latex, "tokens": []} for style in ("base", "times")
                ]
                writer.add(table(SAMPLES, rows))
        writer.close()
    train = [("train", "x ^ { 2 }"), ("train", "z"), ("train", "z")]
    assert found(tmp_path / "bucket") == [*train, ("val", "y")]
    assert found(tmp_path / "bucket" / "train") == train
    assert found(tmp_path / "bucket" / "train" / "shard-00000.parquet") == train[:1]


def test_anything_else_is_no_artifact(tmp_path: Path) -> None:
    (tmp_path / "f.txt").write_text("x\n")
    write_table(pa.table({"formula": ["x"], "latex": ["x"]}), tmp_path / "f.parquet")
    assert read_labels(tmp_path) is None
    assert read_labels(tmp_path / "f.txt") is None
    assert read_labels(tmp_path / "f.parquet") is None
    assert read_labels(tmp_path / "absent") is None
    (tmp_path / "g.parquet").write_bytes(b"no table")
    with pytest.raises(InputError, match="not a readable Parquet file"):
        read_labels(tmp_path / "g.parquet")
