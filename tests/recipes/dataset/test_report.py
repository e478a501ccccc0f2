"""The report counts what is in the folder."""

from pathlib import Path

import pyarrow as pa
import pytest

from im2latex.errors import ArtifactError
from im2latex.io.parquet import write_table
from im2latex.latex.grammar.symbol_substitution import BOLD
from recipes.dataset.report import as_text, describe
from recipes.dataset.statistics import CLASSES, Statistics, class_of
from tests.recipes.dataset.conftest import CONFIG, rows


def test_classes_cover_all_lengths() -> None:
    assert [class_of(length) for length in (1, 3, 4, 12, 13, 45, 46, 100, 101, 200, 201, 9999)] == [
        *["1-3"] * 2,
        *["4-12"] * 2,
        *["13-45"] * 2,
        *["46-100"] * 2,
        *["101-200"] * 2,
        *["201+"] * 2,
    ]
    assert len(CLASSES) == 6


def test_statistics() -> None:
    labels = ["x", r"\mathbf { x }", r"\begin{matrix} a \\ b \end{matrix}", r"\substack { a \\ b }", "x x x x"]
    found = Statistics.of(labels)
    assert found.lengths == {"1-3": 1, "4-12": 4}
    assert found.multiline["4-12"] == 1
    assert found.bold["4-12"] == 1
    assert found.symbols["x"] == 3
    found.merge(Statistics.of(["y"]))
    assert found.summary(2)["labels"] == 6
    assert found.summary(2)["bold"]["4-12"] == 0.25


def test_images_by_style_and_source(tmp_path: Path, dataset: Path) -> None:
    columns = {
        "style": ["base", "times", "times", "times"],
        "source_id": ["whole:0:a", "pieces:1:b", "pieces:2:c", None],
        "latex": ["x", "x _ { i }", r"\mathbf { x }", "y"],
    }
    write_table(pa.table(columns), tmp_path / "train" / "shard-00000.parquet")
    images = describe(dataset, tmp_path, least=2)["images"]
    assert images["styles"] == {"base": 0.25, "times": 0.75}
    assert images["sources"] == {"": 0.25, "pieces": 0.5, "whole": 0.25}
    assert images["labels"] == 4
    with pytest.raises(ArtifactError):
        describe(dataset, tmp_path / "none")


def test_report(dataset: Path) -> None:
    figures = describe(dataset, least=5)
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
