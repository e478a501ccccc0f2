"""Pictures that a corpus brings, found by the place that its table names.

reads   <corpus>/<path>               a picture file
        <corpus>/<table>.parquet      `table.parquet#17`: the picture in row 17, from 0, of the column `image`
A picture that cannot be had is a `PictureError` with a reason, as a formula that cannot be rendered has one.
"""

import re
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from im2latex.errors import Im2LatexError, InputError
from im2latex.imaging.raster import crop, decode

_CELL = re.compile(r"(.+\.parquet)#(\d+)", re.DOTALL)
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
    cell = _CELL.fullmatch(place)
    try:
        path = _inside(corpus, cell[1] if cell else place)
        if cell:
            return _read_cell(path, int(cell[2]))
        if not path.is_file():
            raise PictureError("picture_missing", f"{place}: no such file")
        if path.stat().st_size > MOST_BYTES:
            raise PictureError("picture_too_large", f"{place}: more than {MOST_BYTES:,} bytes")
        return path.read_bytes()
    except (OSError, ValueError, RuntimeError, LookupError) as error:  # of the path, or of the table
        raise PictureError("picture_missing", f"{place}: {error}") from None


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


def _read_cell(path: Path, row: int) -> bytes:
    first = 0
    metadata = pq.read_metadata(path)
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group).num_rows
        if row < first + rows:
            value = _group(path, path.stat().st_mtime_ns, group)[row - first].as_py()
            data = value.get("bytes") if isinstance(value, dict) else value
            if isinstance(data, bytes):
                return data
            break
        first += rows
    raise PictureError("picture_missing", f"{path.name}: row {row} holds no picture")


@lru_cache(maxsize=1)
def _group(path: Path, _changed: int, group: int) -> pa.ChunkedArray:
    """The pictures of one row group; rows are asked for in order, so one at a time is enough."""
    return pq.ParquetFile(path).read_row_group(group, columns=["image"])["image"]
