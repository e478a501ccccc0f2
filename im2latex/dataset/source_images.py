"""Images that a dataset brings, found by the place that its table names.

reads   <dataset>/<path>               an image file
        <dataset>/<table>.parquet      `table.parquet#17`: the image in row 17, from 0, of the column `image`
An image that cannot be had is a `ImageError` with a reason, as a formula that cannot be rendered has one.
"""

import os
import re
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from im2latex.errors import ImageError
from im2latex.images.arrays import crop, to_grayscale

_CELL = re.compile(r"(.+\.parquet)#(\d+)", re.DOTALL)
UNAVAILABLE = ("image_missing", "image_outside", "image_too_large")
"""Reasons for which there is no file to decode."""
MAX_BYTES = 50_000_000
"""The largest image file that is read."""


def read_given(dataset: Path, place: str) -> bytes:
    """The file of an image as it is; raises `ImageError` where there is none inside the dataset."""
    cell = _CELL.fullmatch(place)
    try:
        path = _inside(dataset, cell[1] if cell else place)
        if cell:
            return _read_cell(path, int(cell[2]))
        if not path.is_file():
            raise ImageError("image_missing", f"{place}: no such file")
        if path.stat().st_size > MAX_BYTES:
            raise ImageError("image_too_large", f"{place}: more than {MAX_BYTES:,} bytes")
        return path.read_bytes()
    except (OSError, ValueError, RuntimeError, LookupError) as error:  # of the path, or of the table
        raise ImageError("image_missing", f"{place}: {error}") from None


def cropped(decoded: NDArray[np.uint8] | ImageError, place: str) -> NDArray[np.uint8]:
    """The part with ink of a decoded image, uint8 (H, W), 255 paper, 0 ink.

    Raises `ImageError`: blank, image_unreadable for an error of the decoder in place of an image, or that of
    `read_given`.
    """
    if isinstance(decoded, ImageError):
        known = decoded.reason in UNAVAILABLE
        raise decoded if known else ImageError("image_unreadable", f"{place}: {decoded.detail}")
    pixels = crop(to_grayscale(decoded))
    if not pixels.size:
        raise ImageError("blank", place)
    return pixels


def _inside(dataset: Path, name: str) -> Path:
    """The path of a file below the dataset by its name; links there are followed, as DVC and git-annex set them."""
    root = _absolute(dataset if dataset.is_dir() else dataset.parent)
    path = _absolute(root / name)
    real = root.resolve()
    if not (path.is_relative_to(root) or path.is_relative_to(real) or path.resolve().is_relative_to(real)):
        raise ImageError("image_outside", f"{name} leads out of the dataset")
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
    raise ImageError("image_missing", f"{path.name}: row {row} holds no image")


@lru_cache(maxsize=1)
def _group(path: Path, _changed: int, group: int) -> pa.ChunkedArray:
    """The images of one row group; rows are asked for in order, so one at a time is enough."""
    return pq.ParquetFile(path).read_row_group(group, columns=["image"])["image"]
