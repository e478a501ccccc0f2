"""Parquet in one way: the same rows give the same bytes, however they were chunked."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from im2latex.errors import ArtifactError
from im2latex.io.parquet import read_parts, read_table, write_table
from im2latex.schemas import FORMULAS, SAMPLES, formula_id, image_schema


def test_bytes_do_not_depend_on_chunks(tmp_path: Path) -> None:
    whole = pa.table({name: [f"{name}{i}" for i in range(2500)] for name in FORMULAS.names}, schema=FORMULAS)
    pieces = pa.concat_tables([whole.slice(0, 700), whole.slice(700, 1), whole.slice(701)])
    write_table(whole, tmp_path / "a.parquet")
    write_table(pieces, tmp_path / "b.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert read_table(tmp_path / "a.parquet") == whole


def test_text_is_compressed_and_png_is_not(tmp_path: Path) -> None:
    row = {"formula_id": "a", "latex": "x", "tokens": [4], "image": {"bytes": b"png", "path": None}}
    write_table(pa.Table.from_pylist([row], schema=SAMPLES), tmp_path / "s.parquet")
    group = pq.read_metadata(tmp_path / "s.parquet").row_group(0)
    columns = {group.column(place).path_in_schema: group.column(place) for place in range(group.num_columns)}
    assert columns["latex"].compression == columns["tokens.list.element"].compression == "ZSTD"
    assert columns["image.bytes"].compression == "UNCOMPRESSED"
    for column in columns.values():
        assert "RLE_DICTIONARY" not in column.encodings
        assert not column.is_stats_set


def test_a_formula_is_named_by_its_text() -> None:
    assert formula_id("x") == "2d711642b726b04401627ca9fbac32f5"
    assert formula_id("x") != formula_id("x ")


def test_images_are_declared_to_the_datasets_library() -> None:
    metadata = image_schema(SAMPLES).metadata
    assert json.loads(metadata[b"huggingface"])["info"]["features"]["image"] == {"_type": "Image"}


def test_missing_and_damaged_artifacts(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"no such artifact; run `dvc repro`"):
        read_table(tmp_path / "a.parquet")
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(ArtifactError, match="damaged"):
        read_table(tmp_path / "a.parquet")
    write_table(pa.table({"x": ["formula"]}), tmp_path / "b.parquet")
    content = bytearray((tmp_path / "b.parquet").read_bytes())
    content[content.index(b"formula")] ^= 1
    (tmp_path / "b.parquet").write_bytes(content)
    with pytest.raises(ArtifactError, match="damaged .*checksum"):
        read_table(tmp_path / "b.parquet")
    with pytest.raises(ArtifactError, match=r"holds no part-\*.parquet"):
        read_parts(tmp_path)
