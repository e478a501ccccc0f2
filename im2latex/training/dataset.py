"""One split of the dataset, memory-mapped.

reads  <data>/buckets.json, and the files of `dataset.decoded_split`, which are made of the shards
       <data>/<split>/shard-*.parquet   ids and LaTeX, where they are asked for

The operating system keeps as much of the files in memory as is free. The arrays of a process grow by 16 bytes a sample.
"""

from collections.abc import Sequence
from copy import copy
from functools import cached_property
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.errors import ArtifactError
from im2latex.images.arrays import PAPER
from im2latex.types import Shape, Split

_CHECKED_ROWS = 1 << 20

Ints = NDArray[np.integer]


class MemoryMappedDataset:
    """The N samples of one split, by index: `array`, `label`, `ids`, `latex`, and arrays that describe all of them.

    `sizes` (N, 2) holds height and width in pixels, `lengths` (N,) the tokens of the labels, without marks, `bucket`
    (N,) indices of `shapes`. The rows of image i follow each other in `pixels`, uint8, from `starts[i]` on.
    Raises `ArtifactError` where a sample is larger than the shape of its bucket.
    """

    def __init__(self, folder: Path, split: Split) -> None:
        # Imported here, because prediction of single images uses this module without shards.
        from im2latex.dataset.buckets import load_shapes
        from im2latex.dataset.decoded_split import read_decoded

        self._folder, self._split = folder, split
        self.shapes = [Shape(*map(int, shape)) for shape in load_shapes(folder / "buckets.json")]
        self._decoded = read_decoded(folder, split)
        rows = self._decoded.rows
        self.pixels, self._tokens = self._decoded.pixels, self._decoded.tokens
        self.sizes: Ints = rows[:, :2]
        self.lengths: Ints = rows[:, 2]
        self.bucket: Ints = rows[:, 3]
        self.starts: Ints = _starts(rows[:, 0] * rows[:, 1])
        self._token_starts = _starts(rows[:, 2])
        self._check_sizes()

    def __len__(self) -> int:
        return len(self.lengths)

    @cached_property
    def ids(self) -> Sequence[str]:
        """The formula ids (N,)."""
        return _TextColumn(self._folder, self._split, "formula_id")

    @cached_property
    def latex(self) -> Sequence[str]:
        """The normalized formulas (N,)."""
        return _TextColumn(self._folder, self._split, "latex")

    def label(self, index: int) -> Sequence[int] | Ints:
        """The token ids of a label, without marks."""
        start = int(self._token_starts[index])
        return self._tokens[start : start + int(self.lengths[index])]

    def array(self, index: int) -> NDArray[np.uint8]:
        """The image (h, w) of a sample as it is stored, without padding; it cannot be written to."""
        height, width = self.sizes[index].tolist()
        start = int(self.starts[index])
        return self.pixels[start : start + height * width].reshape(height, width)

    def _check_sizes(self) -> None:
        shapes = np.array([[shape.height, shape.width, shape.tokens] for shape in self.shapes])
        for start in range(0, len(self), _CHECKED_ROWS):
            rows = self._decoded.rows[start : start + _CHECKED_ROWS]
            larger = (rows[:, :3] > shapes[rows[:, 3]]).any(axis=1)
            if larger.any():
                index = start + int(larger.argmax())
                shape = self.shapes[self.bucket[index]]
                raise ArtifactError(f"sample {self.ids[index]} does not fit its {shape}; run `dvc repro bucket`")


class _TextColumn(Sequence[str]):
    """A column of strings of the shards, in Arrow's memory."""

    def __init__(self, folder: Path, split: Split, name: str) -> None:
        import pyarrow as pa

        from im2latex.dataset.shards import read_shards

        self._column: pa.ChunkedArray = pa.chunked_array(
            [chunk for table in read_shards(folder, split, [name]) for chunk in table[name].chunks], pa.string()
        )

    def __len__(self) -> int:
        return len(self._column)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        found: str | list[str] = (
            self._column[index].to_pylist() if isinstance(index, slice) else self._column[int(index)].as_py()
        )
        return found


def _starts(sizes: Ints) -> NDArray[np.int64]:
    """Where each of consecutive parts begins."""
    starts = np.zeros(len(sizes), np.int64)
    np.cumsum(sizes[:-1], out=starts[1:])
    return starts


def largest_sample(dataset: MemoryMappedDataset) -> MemoryMappedDataset:
    """A dataset of one blank sample, as large as any of `dataset` may be: in pixels, and in tokens."""
    largest = max(dataset.shapes, key=lambda shape: shape.height * shape.width)
    height, width, length = largest.height, largest.width, max(shape.tokens for shape in dataset.shapes)
    one = copy(dataset)
    one.ids, one.latex, one.shapes = ["largest"], [""], [Shape(height, width, length)]
    one.bucket, one.lengths, one.sizes = np.zeros(1, np.int32), np.array([length]), np.array([[height, width]])
    one._tokens, one._token_starts = np.full(length, Vocabulary.unk, np.int32), np.zeros(1, np.int64)
    one.starts, one.pixels = np.zeros(1, np.int64), np.full(height * width, PAPER, np.uint8)
    return one
