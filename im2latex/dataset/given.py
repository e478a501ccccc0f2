"""Pictures that a corpus brings, found by the place that its table names.

reads   <corpus>/<path>               a picture file
        <corpus>/<table>.parquet      `table.parquet#17`: the picture in row 17, from 0, of the column `image`
A picture that cannot be had is a `PictureError` with a reason, as a formula that cannot be rendered has one.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from im2latex.errors import Im2LatexError, InputError
from im2latex.imaging.raster import crop, decode

MOST_BYTES = 50_000_000
"""The largest picture file that is read."""


class PictureError(Im2LatexError):
    """A picture is not there or is none; `reason` is a fixed short name that the ledger counts."""

    def __init__(self, reason: str, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}")


def read_given(corpus: Path, place: str) -> bytes:
    """The file of a picture as it is; raises `PictureError` where there is none inside the corpus."""
    name, mark, row = place.partition(".parquet#")
    path = _inside(corpus, f"{name}.parquet" if mark else place)
    try:
        if mark:
            return _cell(path, int(row))
        if path.stat().st_size > MOST_BYTES:
            raise PictureError("picture_too_large", f"{place}: more than {MOST_BYTES:,} bytes")
        return path.read_bytes()
    except OSError as error:
        raise PictureError("picture_missing", f"{place}: {error.strerror}") from None


def to_pixels(data: bytes, place: str) -> NDArray[np.uint8]:
    """The part with ink, uint8 (H, W), 255 paper, 0 ink; raises `PictureError` where it is blank or no picture."""
    try:
        pixels = crop(decode(data))
    except InputError as error:
        raise PictureError("picture_unreadable", f"{place}: {error}") from None
    if not pixels.size:
        raise PictureError("blank", place)
    return pixels


def _inside(corpus: Path, name: str) -> Path:
    root = (corpus if corpus.is_dir() else corpus.parent).resolve()
    path = (root / name).resolve()
    if not path.is_relative_to(root):
        raise PictureError("picture_outside", f"{name} leads out of the corpus")
    return path


def _cell(path: Path, row: int) -> bytes:
    value = _column(path)[row].as_py()
    data = value.get("bytes") if isinstance(value, dict) else value
    if not isinstance(data, bytes):
        raise PictureError("picture_missing", f"{path.name}: row {row} holds no picture")
    return data


@lru_cache(maxsize=2)
def _column(path: Path) -> pa.ChunkedArray:
    """The pictures of one table; rows are asked for in order, so one table at a time is enough."""
    return pq.read_table(path, columns=["image"])["image"]
