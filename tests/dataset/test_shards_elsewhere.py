"""Other tools read every image and label of the shards without code of this project."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.dataset as ds
import pytest
from PIL import Image

from im2latex.dataset.shards import ShardWriter
from im2latex.images.arrays import Pixels, encode_png
from im2latex.images.decode import decode_png
from im2latex.schemas import SAMPLES, formula_id

LABELS = ["x", r"\frac { 1 } { 2 }", r"a \in \mathbb { R }", r"\text { é }", "y ^ 2"]
COLUMNS = {
    "formula_id": [formula_id(label) for label in LABELS],
    "source_id": ["n1", None, "n3", None, "n5"],
    "group": [None, "p", "p", "q", None],
    "style": ["base"] * len(LABELS),
    "latex": LABELS,
    "tokens": [list(range(4, 4 + len(label.split()))) for label in LABELS],
    "bucket": [0, 1, 1, 0, 2],
    "width": [8 + place for place in range(len(LABELS))],
    "height": [6] * len(LABELS),
}


def pixels(place: int) -> Pixels:
    return np.random.default_rng(place).integers(0, 256, (6, 8 + place), np.uint8)


def same_images(images: Iterator[Pixels]) -> bool:
    return all(np.array_equal(image, pixels(place)) for place, image in zip(range(len(LABELS)), images, strict=True))


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """The folder of a split in three shards of two, two and one samples."""
    images = [{"bytes": encode_png(pixels(place)), "path": None} for place in range(len(LABELS))]
    writer = ShardWriter(tmp_path, "train", 2)
    writer.add(SAMPLES.empty_table().from_pydict(COLUMNS | {"image": images}, schema=SAMPLES))
    writer.close()
    return tmp_path / "train"


def test_pandas(shards: Path) -> None:
    frame = pd.read_parquet(shards)
    frame = frame.astype(object).where(frame.notna(), None)
    for name in SAMPLES.names[:-1]:
        found = [list(value) if isinstance(value, np.ndarray) else value for value in frame[name]]
        assert found == COLUMNS[name]
    assert same_images(decode_png(value["bytes"]) for value in frame["image"])


def test_pyarrow_dataset(shards: Path) -> None:
    data = ds.dataset(shards)
    assert data.schema.equals(SAMPLES)
    table = data.to_table()
    assert {name: table[name].to_pylist() for name in SAMPLES.names[:-1]} == COLUMNS
    assert same_images(decode_png(value["bytes"]) for value in table["image"].to_pylist())
    narrow = data.to_table(columns=["latex"], filter=ds.field("bucket") == 1)
    assert narrow["latex"].to_pylist() == LABELS[1:3]


def test_duckdb(shards: Path) -> None:
    duckdb: Any = pytest.importorskip("duckdb", reason="needs the extra: pip install -e '.[pipeline]'")
    names = ", ".join(f'"{name}"' for name in SAMPLES.names[:-1])
    query = f"select {names}, image.bytes from '{shards}/*.parquet' order by width"
    with duckdb.connect() as connection:
        rows = connection.execute(query).fetchall()
        longest = connection.execute(f"select max(len(tokens)) from '{shards}/*.parquet' where bucket = 1").fetchone()
    assert [list(column) for column in zip(*rows, strict=True)][:-1] == list(COLUMNS.values())
    assert same_images(decode_png(row[-1]) for row in rows)
    assert longest == (7,)


@pytest.fixture
def datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The library, kept from the network and from the user's home, where its cache is."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    library: Any = pytest.importorskip("datasets", reason="needs the extra: pip install -e '.[interop]'")
    monkeypatch.setattr(library.config, "HF_DATASETS_CACHE", str(tmp_path / "hf"))
    library.disable_progress_bars()
    return library


@pytest.mark.parametrize("streaming", [False, True])
def test_datasets_shows_images(shards: Path, datasets: Any, streaming: bool) -> None:
    data = datasets.load_dataset("parquet", data_files=f"{shards}/*.parquet", split="train", streaming=streaming)
    assert list(data.features) == SAMPLES.names
    assert data.features["image"] == datasets.Image()
    assert data.features["bucket"] == datasets.Value("int16"), "columns that are not declared follow the Parquet schema"
    rows = list(data)
    assert {name: [row[name] for row in rows] for name in SAMPLES.names[:-1]} == COLUMNS
    assert all(isinstance(row["image"], Image.Image) for row in rows)
    assert same_images(np.asarray(row["image"]) for row in rows)
