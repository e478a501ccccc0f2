"""Figures of the report, and contact sheets."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from im2latex.errors import ArtifactError
from im2latex.images.arrays import encode_png
from im2latex.io.parquet import write_table
from im2latex.latex.parser.signatures import BOLD
from im2latex.schemas import IMAGES
from recipes.dataset.report import as_text, describe, write_contact_sheets
from recipes.dataset.statistics import LENGTH_BINS, Statistics, length_bin
from tests.recipes.dataset.conftest import CONFIG, rows


def test_classes_cover_all_lengths() -> None:
    assert [length_bin(length) for length in (1, 3, 4, 12, 13, 45, 46, 100, 101, 200, 201, 9999)] == [
        *["1-3"] * 2,
        *["4-12"] * 2,
        *["13-45"] * 2,
        *["46-100"] * 2,
        *["101-200"] * 2,
        *["201+"] * 2,
    ]
    assert len(LENGTH_BINS) == 6


def test_statistics() -> None:
    labels = ["x", r"\mathbf { x }", r"\begin{matrix} a \\ b \end{matrix}", r"\substack { a \\ b }", "x x x x"]
    found = Statistics.from_labels(labels)
    assert found.lengths == {"1-3": 1, "4-12": 4}
    assert found.multiline["4-12"] == 1
    assert found.bold["4-12"] == 1
    assert found.symbols["x"] == 3
    found.merge(Statistics.from_labels(["y"]))
    assert found.summary(2)["labels"] == 6
    assert found.summary(2)["bold"]["4-12"] == 0.25


def test_images_by_style_and_source(tmp_path: Path, dataset: Path) -> None:
    columns = {
        "style": ["base", "times", "times", "times"],
        "source_id": ["whole:0:a", "pieces:1:b", "pieces:2:c", None],
        "latex": ["x", "x _ { i }", r"\mathbf { x }", "y"],
    }
    write_table(pa.table(columns), tmp_path / "train" / "shard-00000.parquet")
    images = describe(dataset, tmp_path, min_labels=2)["images"]
    assert images["styles"] == {"base": 0.25, "times": 0.75}
    assert images["sources"] == {"": 0.25, "pieces": 0.5, "whole": 0.25}
    assert images["labels"] == 4
    with pytest.raises(ArtifactError):
        describe(dataset, tmp_path / "none")


def test_report(dataset: Path) -> None:
    figures = describe(dataset, min_labels=5)
    labels = [row["formula"] for path in dataset.glob("*.gz") for row in rows(path) if row["split"] == "train"]
    assert figures["after"]["labels"] == len(labels)
    assert sum(figures["after"]["lengths"].values()) == pytest.approx(1, abs=1e-3)
    assert sum(its["share"] for its in figures["sources"].values()) == pytest.approx(1, abs=1e-2)
    assert figures["sources"].keys() == CONFIG["sources"].keys()
    short = [label.split() for label in labels if 4 <= len(label.split()) <= 12]
    bold = sum(not BOLD.isdisjoint(tokens) for tokens in short) / len(short)
    assert figures["after"]["bold"]["4-12"] == pytest.approx(bold, abs=1e-4)
    assert figures["before"]["labels"] > 100
    assert "lengths 4-12" in as_text(figures)


def _part(style: str, greys: list[int]) -> pa.Table:
    images = [np.full((20, 30), grey, np.uint8) for grey in greys]
    rows = [
        {
            "formula_id": f"f{grey}",
            "style": style,
            "image_id": f"i{grey}",
            "pixel_hash": f"{grey:03}",
            "width": 30,
            "height": 20,
            "image": {"bytes": encode_png(image), "path": None},
        }
        for grey, image in zip(greys, images, strict=True)
    ]
    return pa.Table.from_pylist(rows, schema=IMAGES)


def test_a_sheet_a_style_whatever_the_order_of_the_parts(tmp_path: Path) -> None:
    write_table(_part("base", [9, 3, 5]), tmp_path / "one" / "part-00000.parquet")
    write_table(_part("base", [1]), tmp_path / "one" / "part-00001.parquet")
    write_table(_part("sans", [7]), tmp_path / "one" / "part-00000.sans.parquet")
    write_table(_part("base", [1, 9]), tmp_path / "two" / "part-00000.parquet")
    write_table(_part("base", [5, 3]), tmp_path / "two" / "part-00001.parquet")
    assert write_contact_sheets(tmp_path / "one", tmp_path / "sheets", 2) == {"base": 2, "sans": 1}
    assert write_contact_sheets(tmp_path / "two", tmp_path / "others", 2) == {"base": 2}
    first, second = (np.asarray(Image.open(tmp_path / name / "base.png")) for name in ("sheets", "others"))
    assert np.array_equal(first, second)
    assert set(np.unique(first)) == {1, 3, 255}


def test_a_folder_without_images_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="holds no part"):
        write_contact_sheets(tmp_path, tmp_path / "sheets", 2)
