"""Source images: images that a dataset provides, located by its table.

reads   <dataset>/<path>               an image file
        <dataset>/<table>.parquet      `table.parquet#17`: the image in row 17, from 0, of the column `image`
A missing or unusable image raises `ImageError` with a reason, so that the ledger counts it like a failed rendering.
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
"""Reasons of `read_source_image`, before decoding."""
MAX_BYTES = 50_000_000
"""Largest image file that is read."""


def read_source_image(dataset: Path, place: str) -> bytes:
    """Return the bytes of an image file; raises `ImageError` where the dataset does not contain it."""
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


def crop_source_image(decoded: NDArray[np.uint8] | ImageError, place: str) -> NDArray[np.uint8]:
    """Crop a decoded image to its ink; returns uint8 (H, W), 255 paper, 0 ink.

    `decoded` is an error where reading or decoding failed. Raises `ImageError`: blank, image_unreadable, or a reason of
    `read_source_image`.
    """
    if isinstance(decoded, ImageError):
        known = decoded.reason in UNAVAILABLE
        raise decoded if known else ImageError("image_unreadable", f"{place}: {decoded.detail}")
    pixels = crop(to_grayscale(decoded))
    if not pixels.size:
        raise ImageError("blank", place)
    return pixels


def _inside(dataset: Path, name: str) -> Path:
    """Resolve a path inside the dataset; symbolic links are followed, since DVC and git-annex create them."""
    root = _absolute(dataset if dataset.is_dir() else dataset.parent)
    path = _absolute(root / name)
    real = root.resolve()
    if not (path.is_relative_to(root) or path.is_relative_to(real) or path.resolve().is_relative_to(real)):
        raise ImageError("image_outside", f"{name} is outside of the dataset")
    return path


def _absolute(path: Path) -> Path:
    """Normalize `..` without following links."""
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
    """Read the images of one row group; rows are requested in order, so one cached group is enough."""
    return pq.ParquetFile(path).read_row_group(group, columns=["image"])["image"]
