"""Pictures that a corpus brings, found by the place that its table names.

reads   <corpus>/<path>               a picture file
        <corpus>/<table>.parquet      `table.parquet#17`: the picture in row 17, from 0, of the column `image`
A picture that cannot be had is a `PictureError` with a reason, as a formula that cannot be rendered has one.
"""

import os
import re
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from im2latex.errors import PictureError
from im2latex.imaging.raster import crop, grey

_CELL = re.compile(r"(.+\.parquet)#(\d+)", re.DOTALL)
UNAVAILABLE = ("image_missing", "image_outside", "image_too_large")
"""Reasons for which there is no file to decode."""
MOST_BYTES = 50_000_000
"""The largest picture file that is read."""


def read_given(corpus: Path, place: str) -> bytes:
    """The file of a picture as it is; raises `PictureError` where there is none inside the corpus."""
    cell = _CELL.fullmatch(place)
    try:
        path = _inside(corpus, cell[1] if cell else place)
        if cell:
            return _read_cell(path, int(cell[2]))
        if not path.is_file():
            raise PictureError("image_missing", f"{place}: no such file")
        if path.stat().st_size > MOST_BYTES:
            raise PictureError("image_too_large", f"{place}: more than {MOST_BYTES:,} bytes")
        return path.read_bytes()
    except (OSError, ValueError, RuntimeError, LookupError) as error:  # of the path, or of the table
        raise PictureError("image_missing", f"{place}: {error}") from None


def cropped(decoded: NDArray[np.uint8] | PictureError, place: str) -> NDArray[np.uint8]:
    """The part with ink of a decoded image, uint8 (H, W), 255 paper, 0 ink.

    Raises `PictureError`: blank, image_unreadable for an error of the decoder in place of an image, or that of
    `read_given`.
    """
    if isinstance(decoded, PictureError):
        known = decoded.reason in UNAVAILABLE
        raise decoded if known else PictureError("image_unreadable", f"{place}: {decoded.detail}")
    pixels = crop(grey(decoded))
    if not pixels.size:
        raise PictureError("blank", place)
    return pixels


def _inside(corpus: Path, name: str) -> Path:
    """The path of a file below the corpus by its name; links there are followed, as DVC and git-annex set them."""
    root = _absolute(corpus if corpus.is_dir() else corpus.parent)
    path = _absolute(root / name)
    real = root.resolve()
    if not (path.is_relative_to(root) or path.is_relative_to(real) or path.resolve().is_relative_to(real)):
        raise PictureError("image_outside", f"{name} leads out of the corpus")
    return path


def _absolute(path: Path) -> Path:
    """Without `..`, and without following links."""
    return Path(os.path.abspath(path))  # noqa: PTH100 `Path.resolve` follows links


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
    raise PictureError("image_missing", f"{path.name}: row {row} holds no picture")


@lru_cache(maxsize=1)
def _group(path: Path, _changed: int, group: int) -> pa.ChunkedArray:
    """The pictures of one row group; rows are asked for in order, so one at a time is enough."""
    return pq.ParquetFile(path).read_row_group(group, columns=["image"])["image"]
