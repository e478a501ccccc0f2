"""A split as flat files in the cache, which are memory-mapped: images decoded, so that no split has to fit the memory.

reads          <data>/<split>/shard-*.parquet    schemas.SAMPLES
reads, writes  <cache>/decoded/<split>-<hash of the shards>/
                 pixels.u8    uint8, the rows of each image, one image after the other
                 tokens.i32   int32, the token ids of each label
                 rows.i32     int32 (N, 4): height, width, tokens and bucket of each sample; renamed into place last
                 lock         locked by the process that decodes; the folder itself is, shared, by those that read

The first process that reads a split decodes it, and others that read the same shards wait for the files. A folder
without `rows.i32` was left by a killed process, and its files are written again. The folders of other shards under the
same name of a split are removed when new ones are decoded, unless a process reads them.
"""

import fcntl
import hashlib
import os
import shutil
import weakref
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from tqdm import tqdm

from im2latex.dataset.shards import shard_paths
from im2latex.errors import ArtifactError, UsageError, is_full
from im2latex.images.decode import decode_png
from im2latex.io.atomic_write import atomic_write
from im2latex.io.folder_lock import lock_folder
from im2latex.io.hashing import sum_line
from im2latex.io.parquet import stream_table
from im2latex.io.project_cache import cache_root
from im2latex.parallel.process_pool import worker_count

PIXELS, TOKENS, ROWS = "pixels.u8", "tokens.i32", "rows.i32"
_COLUMNS = 4
_IMAGES_PER_TASK = 256  # enough that scheduling a task costs nothing beside decoding

Rows = NDArray[np.int32]


@dataclass(frozen=True)
class DecodedSplit:
    """The samples of a split, as read-only arrays over files: `pixels` uint8, `tokens` int32, `rows` int32 (N, 4)."""

    pixels: NDArray[np.uint8]
    tokens: NDArray[np.int32]
    rows: Rows


def read_decoded(folder: Path, split: str) -> DecodedSplit:
    """The decoded samples of a split of the shards in `folder`, from the cache or decoded into it by threads.

    Raises `ArtifactError` where the split is missing or an image is not of the size in its row, `UsageError` where the
    cache cannot be written or locked, and `OSError` where the disk is full. The folder stays locked as long as the
    returned object is alive.
    """
    paths = shard_paths(folder, split)
    digest = hashlib.sha256("".join(map(sum_line, paths)).encode()).hexdigest()
    place = cache_root() / "decoded" / f"{split}-{digest[:32]}"
    lock = _create_and_lock(place)
    try:
        _decode_unless_done(paths, place)
        decoded = _map(place)
    except BaseException:
        os.close(lock)
        raise
    weakref.finalize(decoded, os.close, lock)
    return decoded


def _create_and_lock(place: Path) -> int:
    """A descriptor that holds the shared lock of the folder."""
    lock = None
    try:
        while lock is None:  # else another process removed the folder before it was locked
            place.mkdir(parents=True, exist_ok=True)
            lock = lock_folder(place, fcntl.LOCK_SH)
    except OSError as error:
        if is_full(error):
            raise
        raise UsageError(
            f"{place}: cannot be created or locked ({error.strerror}); set IM2LATEX_CACHE to a folder that can be"
        ) from None
    return lock


def _map(place: Path) -> DecodedSplit:
    pixels, tokens, rows = (
        _map_file(place / name, kind) for name, kind in ((PIXELS, np.uint8), (TOKENS, np.int32), (ROWS, np.int32))
    )
    return DecodedSplit(pixels, tokens, rows.reshape(-1, _COLUMNS))


def _map_file(path: Path, kind: type[np.generic]) -> NDArray[Any]:
    # An empty file cannot be mapped. A plain array is faster to slice than a memmap.
    return np.asarray(np.memmap(path, kind, "r")) if path.stat().st_size else np.empty(0, kind)


def _decode_unless_done(paths: list[Path], place: Path) -> None:
    """Write the files where they are missing; a second process waits for the first."""
    if (place / ROWS).is_file():
        return
    with (place / "lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if (place / ROWS).is_file():
            return
        for draft in place.glob(".*"):  # of a process that was killed
            draft.unlink()
        try:
            atomic_write(place / ROWS, lambda draft: _decode(paths, draft))
        except BaseException:
            for name in (PIXELS, TOKENS):
                (place / name).unlink(missing_ok=True)
            raise
        _remove_others(place)


def _decode(paths: list[Path], rows: Path) -> None:
    _write_labels(paths, rows, rows.with_name(TOKENS))
    pixels = rows.with_name(PIXELS)
    pixels.write_bytes(b"")
    # Threads are enough: decoding releases the interpreter lock, and processes would have to send the pixels back.
    pool = joblib.Parallel(n_jobs=worker_count(), prefer="threads", batch_size=1)
    pool(joblib.delayed(_decode_images)(*task, pixels) for task in _tasks(paths, rows))
    for path in (pixels, rows.with_name(TOKENS), rows):
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _write_labels(paths: list[Path], rows: Path, tokens: Path) -> None:
    """Write the files of rows and of token ids."""
    with rows.open("wb") as row_file, tokens.open("wb") as token_file:
        for table in _stream(paths, ["tokens", "bucket", "width", "height"]):
            lengths = pc.list_value_length(table["tokens"])
            columns = (table["height"], table["width"], lengths, table["bucket"])
            row_file.write(np.column_stack([column.to_numpy() for column in columns]).astype(np.int32).tobytes())
            token_file.write(pc.list_flatten(table["tokens"]).to_numpy().astype(np.int32, copy=False).tobytes())


def _tasks(paths: list[Path], rows: Path) -> Iterator[tuple[list[bytes], Rows, int]]:
    """Encoded images of consecutive samples, their rows, and the place of the first pixel in the file."""
    sizes = _map_file(rows, np.int32).reshape(-1, _COLUMNS)
    first = start = 0
    with tqdm(total=len(sizes), desc="decode", unit="image", disable=None, delay=2) as bar:
        for table in _stream(paths, ["image"]):
            encoded = pc.struct_field(table["image"], "bytes").to_pylist()
            for position in range(0, len(encoded), _IMAGES_PER_TASK):
                images = encoded[position : position + _IMAGES_PER_TASK]
                chosen = sizes[first : first + len(images)]
                yield images, chosen, start
                start += int((chosen[:, 0].astype(np.int64) * chosen[:, 1]).sum())
                first += len(images)
                bar.update(len(images))


def _decode_images(encoded: list[bytes], rows: Rows, start: int, path: Path) -> None:
    """Write the pixels of consecutive images, from the pixel `start` of the file on."""
    images = [decode_png(png) for png in encoded]
    for image, row in zip(images, rows[:, :2].tolist(), strict=True):
        if list(image.shape) != row:
            raise ArtifactError(
                f"{path.parent.name}: an image has {image.shape[0]}x{image.shape[1]} pixels, its row says "
                f"{row[0]}x{row[1]}; run `dvc repro bucket`"
            )
    with path.open("r+b") as file:
        file.seek(start)
        file.write(np.concatenate([image.ravel() for image in images]).data)


def _stream(paths: list[Path], columns: list[str]) -> Iterator[pa.Table]:
    for path in paths:
        yield from stream_table(path, columns)


def _remove_others(place: Path) -> None:
    """Remove the folders of other shards of the same split that no process reads or writes."""
    split = place.name.rpartition("-")[0]
    for other in place.parent.glob(f"{split}-*"):
        if other == place:
            continue
        with suppress(PermissionError):
            if (lock := lock_folder(other, fcntl.LOCK_EX | fcntl.LOCK_NB)) is not None:
                shutil.rmtree(other, ignore_errors=True)
                os.close(lock)
