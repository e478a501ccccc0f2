import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from im2latex.dataset import given
from im2latex.dataset.given import cropped, read_given
from im2latex.errors import PictureError
from im2latex.image_decoder import decode_images
from im2latex.imaging.raster import encode_png

PIXELS = np.full((9, 12), 255, np.uint8)
PIXELS[2:5, 3:9] = 7


def pixels_of(corpus: Path, place: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
    (decoded,) = decode_images([read_given(corpus, place)])
    return cropped(decoded, place)


def reason(corpus: Path, place: str) -> str:
    with pytest.raises(PictureError) as refused:
        pixels_of(corpus, place)
    return refused.value.reason


def test_a_file_and_a_cell_of_a_table(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode_png(PIXELS))
    cells = [{"bytes": b"x", "path": None}, {"bytes": encode_png(PIXELS), "path": None}]
    pq.write_table(pa.table({"image": cells}), tmp_path / "t.parquet")
    for place in ("a.png", "t.parquet#1"):
        assert np.array_equal(pixels_of(tmp_path, place), PIXELS[2:5, 3:9])
    assert np.array_equal(pixels_of(tmp_path / "t.parquet", "a.png"), PIXELS[2:5, 3:9])


def test_what_cannot_be_had_has_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "text.png").write_text("no picture")
    (corpus / "white.png").write_bytes(encode_png(np.full((4, 4), 255, np.uint8)))
    (tmp_path / "secret.png").write_bytes(encode_png(PIXELS))
    pq.write_table(pa.table({"image": pa.array([None], pa.struct([("bytes", pa.binary())]))}), corpus / "t.parquet")
    assert reason(corpus, "missing.png") == "image_missing"
    assert reason(corpus, "t.parquet#0") == "image_missing"
    assert reason(corpus, "text.png") == "image_unreadable"
    assert reason(corpus, "white.png") == "blank"
    for place in ("text.parquet#1", "t.parquet#7", "t.parquet#x", "a\0b", "x" * 5000, ".", "t.parquet#-1"):
        assert reason(corpus, place) == "image_missing"
    (corpus / "text.parquet").write_text("no table")
    assert reason(corpus, "text.parquet#0") == "image_missing"
    (corpus / "loop.png").symlink_to(corpus / "loop.png")
    assert reason(corpus, "loop.png") == "image_missing"
    bomb = io.BytesIO()
    Image.new("1", (8_000, 8_000)).save(bomb, "PNG")
    (corpus / "bomb.png").write_bytes(bomb.getvalue())
    assert reason(corpus, "bomb.png") == "image_unreadable"
    (corpus / "folder").symlink_to(tmp_path)
    for place in ("../secret.png", str(tmp_path / "secret.png"), "folder/../../secret.png", "x/../../secret.png"):
        assert reason(corpus, place) == "image_outside"
    monkeypatch.setattr(given, "MOST_BYTES", 5)
    assert reason(corpus, "text.png") == "image_too_large"


def test_links_are_followed_as_dvc_sets_them(tmp_path: Path) -> None:
    """`cache.type symlink` makes each file of a corpus, or the corpus itself, a link into DVC's cache."""
    cached = tmp_path / "cache" / "files" / "md5" / "ab" / "cdef"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(encode_png(PIXELS))
    corpus = tmp_path / "raw" / "corpus"
    (corpus / "images").mkdir(parents=True)
    (corpus / "images" / "a.png").symlink_to(cached)
    (corpus / "t.parquet").symlink_to(tmp_path / "cache" / "table")
    pq.write_table(pa.table({"image": [{"bytes": encode_png(PIXELS), "path": None}]}), tmp_path / "cache" / "table")
    (tmp_path / "linked").symlink_to(corpus)
    for root in (corpus, tmp_path / "linked"):
        for place in ("images/a.png", "t.parquet#0", str(corpus / "images" / "a.png")):
            assert np.array_equal(pixels_of(root, place), PIXELS[2:5, 3:9])
    (corpus / "images" / "b.png").symlink_to(tmp_path / "gone")
    assert reason(corpus, "images/b.png") == "image_missing"
