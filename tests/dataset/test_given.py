import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from im2latex.dataset import given
from im2latex.dataset.given import PictureError, read_given, to_pixels
from im2latex.imaging.raster import encode_png

PIXELS = np.full((9, 12), 255, np.uint8)
PIXELS[2:5, 3:9] = 7


def reason(corpus: Path, place: str) -> str:
    with pytest.raises(PictureError) as refused:
        to_pixels(read_given(corpus, place), place)
    return refused.value.reason


def test_a_file_and_a_cell_of_a_table(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode_png(PIXELS))
    cells = [{"bytes": b"x", "path": None}, {"bytes": encode_png(PIXELS), "path": None}]
    pq.write_table(pa.table({"image": cells}), tmp_path / "t.parquet")
    for place in ("a.png", "t.parquet#1"):
        assert np.array_equal(to_pixels(read_given(tmp_path, place), place), PIXELS[2:5, 3:9])
    assert np.array_equal(to_pixels(read_given(tmp_path / "t.parquet", "a.png"), "a.png"), PIXELS[2:5, 3:9])


def test_what_cannot_be_had_has_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "text.png").write_text("no picture")
    (corpus / "white.png").write_bytes(encode_png(np.full((4, 4), 255, np.uint8)))
    (tmp_path / "secret.png").write_bytes(encode_png(PIXELS))
    (corpus / "link.png").symlink_to(tmp_path / "secret.png")
    pq.write_table(pa.table({"image": pa.array([None], pa.struct([("bytes", pa.binary())]))}), corpus / "t.parquet")
    assert reason(corpus, "missing.png") == "picture_missing"
    assert reason(corpus, "t.parquet#0") == "picture_missing"
    assert reason(corpus, "text.png") == "picture_unreadable"
    assert reason(corpus, "white.png") == "blank"
    for place in ("text.parquet#1", "t.parquet#7", "t.parquet#x", "a\0b", "x" * 5000, ".", "t.parquet#-1"):
        assert reason(corpus, place) == "picture_missing"
    (corpus / "text.parquet").write_text("no table")
    assert reason(corpus, "text.parquet#0") == "picture_missing"
    (corpus / "loop.png").symlink_to(corpus / "loop.png")
    assert reason(corpus, "loop.png") == "picture_missing"
    bomb = io.BytesIO()
    Image.new("1", (8_000, 8_000)).save(bomb, "PNG")
    (corpus / "bomb.png").write_bytes(bomb.getvalue())
    assert reason(corpus, "bomb.png") == "picture_unreadable"
    for place in ("../secret.png", str(tmp_path / "secret.png"), "link.png"):
        assert reason(corpus, place) == "picture_outside"
    monkeypatch.setattr(given, "MOST_BYTES", 5)
    assert reason(corpus, "text.png") == "picture_too_large"
