import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from im2latex.dataset import source_images
from im2latex.dataset.source_images import crop_source_image, read_source_image
from im2latex.errors import ImageError
from im2latex.images.arrays import encode_png
from im2latex.images.sandboxed_decoder import decode_images

PIXELS = np.full((9, 12), 255, np.uint8)
PIXELS[2:5, 3:9] = 7


def pixels_of(dataset: Path, place: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
    (decoded,) = decode_images([read_source_image(dataset, place)])
    return crop_source_image(decoded, place)


def reason(dataset: Path, place: str) -> str:
    with pytest.raises(ImageError) as refused:
        pixels_of(dataset, place)
    return refused.value.reason


def test_a_file_and_a_cell_of_a_table(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode_png(PIXELS))
    cells = [{"bytes": b"x", "path": None}, {"bytes": encode_png(PIXELS), "path": None}]
    pq.write_table(pa.table({"image": cells}), tmp_path / "t.parquet")
    for place in ("a.png", "t.parquet#1"):
        assert np.array_equal(pixels_of(tmp_path, place), PIXELS[2:5, 3:9])
    assert np.array_equal(pixels_of(tmp_path / "t.parquet", "a.png"), PIXELS[2:5, 3:9])


def test_what_cannot_be_had_has_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = tmp_path / "dataset"
    dataset.mkdir()
    (dataset / "text.png").write_text("no image")
    (dataset / "white.png").write_bytes(encode_png(np.full((4, 4), 255, np.uint8)))
    (tmp_path / "secret.png").write_bytes(encode_png(PIXELS))
    pq.write_table(pa.table({"image": pa.array([None], pa.struct([("bytes", pa.binary())]))}), dataset / "t.parquet")
    assert reason(dataset, "missing.png") == "image_missing"
    assert reason(dataset, "t.parquet#0") == "image_missing"
    assert reason(dataset, "text.png") == "image_unreadable"
    assert reason(dataset, "white.png") == "blank"
    for place in ("text.parquet#1", "t.parquet#7", "t.parquet#x", "a\0b", "x" * 5000, ".", "t.parquet#-1"):
        assert reason(dataset, place) == "image_missing"
    (dataset / "text.parquet").write_text("no table")
    assert reason(dataset, "text.parquet#0") == "image_missing"
    (dataset / "loop.png").symlink_to(dataset / "loop.png")
    assert reason(dataset, "loop.png") == "image_missing"
    bomb = io.BytesIO()
    Image.new("1", (8_000, 8_000)).save(bomb, "PNG")
    (dataset / "bomb.png").write_bytes(bomb.getvalue())
    assert reason(dataset, "bomb.png") == "image_unreadable"
    (dataset / "folder").symlink_to(tmp_path)
    for place in ("../secret.png", str(tmp_path / "secret.png"), "folder/../../secret.png", "x/../../secret.png"):
        assert reason(dataset, place) == "image_outside"
    monkeypatch.setattr(source_images, "MAX_BYTES", 5)
    assert reason(dataset, "text.png") == "image_too_large"


def test_links_are_followed_as_dvc_sets_them(tmp_path: Path) -> None:
    """`cache.type symlink` makes each file of a dataset, or the dataset itself, a link into DVC's cache."""
    cached = tmp_path / "cache" / "files" / "md5" / "ab" / "cdef"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(encode_png(PIXELS))
    dataset = tmp_path / "raw" / "dataset"
    (dataset / "images").mkdir(parents=True)
    (dataset / "images" / "a.png").symlink_to(cached)
    (dataset / "t.parquet").symlink_to(tmp_path / "cache" / "table")
    pq.write_table(pa.table({"image": [{"bytes": encode_png(PIXELS), "path": None}]}), tmp_path / "cache" / "table")
    (tmp_path / "linked").symlink_to(dataset)
    for root in (dataset, tmp_path / "linked"):
        for place in ("images/a.png", "t.parquet#0", str(dataset / "images" / "a.png")):
            assert np.array_equal(pixels_of(root, place), PIXELS[2:5, 3:9])
    (dataset / "images" / "b.png").symlink_to(tmp_path / "gone")
    assert reason(dataset, "images/b.png") == "image_missing"
