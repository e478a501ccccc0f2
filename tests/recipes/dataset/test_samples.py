"""Sheets of the images of every style."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from im2latex.errors import ArtifactError
from im2latex.images.arrays import encode_png
from im2latex.io.parquet import write_table
from im2latex.schemas import IMAGES
from recipes.dataset.samples import write_samples


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
    assert write_samples(tmp_path / "one", tmp_path / "sheets", 2) == {"base": 2, "sans": 1}
    assert write_samples(tmp_path / "two", tmp_path / "others", 2) == {"base": 2}
    first, second = (np.asarray(Image.open(tmp_path / name / "base.png")) for name in ("sheets", "others"))
    assert np.array_equal(first, second)
    assert set(np.unique(first)) == {1, 3, 255}


def test_a_folder_without_images_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="holds no part"):
        write_samples(tmp_path, tmp_path / "sheets", 2)
