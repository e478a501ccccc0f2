"""Map-style dataset over the Parquet shards of a split, and shards of samples in memory: for notebooks and scripts.

reads, writes  <folder>/<split>/shard-NNNNN.parquet   schemas.SAMPLES
writes         <folder>/buckets.json                  shapes around all samples
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from im2latex.dataset.buckets import BucketParams, assign, choose_shapes, save_shapes
from im2latex.dataset.shards import SHARDS, ShardWriter, missing_split_remedy
from im2latex.dataset.vocabulary import Vocabulary
from im2latex.errors import ArtifactError, InputError
from im2latex.images.arrays import encode_png
from im2latex.images.decode import decode_png
from im2latex.io.parquet import part_paths, read_table
from im2latex.schemas import SAMPLES
from im2latex.types import SPLITS, Split

_COLUMNS = ["formula_id", "latex", "image"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample: the normalized formula, and its image, uint8 (H, W), 255 for background."""

    formula_id: str
    latex: str
    image: NDArray[np.uint8] = field(repr=False, compare=False)


class ShardedDataset:
    """The samples of one split by index, in the order of the shards; `open_dataset` makes one.

    It holds one shard in memory at a time, so that access in order is fast. `torch.utils.data.DataLoader` accepts it.
    """

    def __init__(self, folder: Path, split: Split) -> None:
        if not (folder / split).is_dir():
            present = ", ".join(name for name in SPLITS if (folder / name).is_dir()) or "none"
            raise ArtifactError(f"{folder}: has no split '{split}'; present: {present}; {missing_split_remedy(split)}")
        self.split = split
        self._paths = part_paths(folder / split, SHARDS)
        self._ends = list(accumulate(pq.ParquetFile(path).metadata.num_rows for path in self._paths))
        self._shard: tuple[int, list[dict[str, object]]] = (-1, [])

    def __repr__(self) -> str:
        return f"ShardedDataset({self.split!r}, {len(self):,} samples)"

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __iter__(self) -> Iterator[Sample]:
        return map(self.__getitem__, range(len(self)))

    def __getitem__(self, index: int) -> Sample:
        """The sample at an index; raises `IndexError`."""
        position = index + len(self) if index < 0 else index
        if not 0 <= position < len(self):
            raise IndexError(f"{index} is not the index of one of {len(self):,} samples")
        shard = bisect_right(self._ends, position)
        row = self._rows(shard)[position - (self._ends[shard - 1] if shard else 0)]
        image = row["image"]
        assert isinstance(image, dict)
        return Sample(str(row["formula_id"]), str(row["latex"]), decode_png(image["bytes"]))

    def _rows(self, shard: int) -> list[dict[str, object]]:
        if self._shard[0] != shard:
            self._shard = shard, read_table(self._paths[shard], _COLUMNS).to_pylist()
        return self._shard[1]


def open_dataset(folder: str | os.PathLike[str] = "data/bucket", split: Split = "train") -> ShardedDataset:
    """Open one split of the shards that the stage `bucket` writes.

    >>> import im2latex
    >>> dataset = im2latex.open_dataset("data/bucket", "test")  # doctest: +SKIP
    >>> dataset[0].latex, dataset[0].image.shape  # doctest: +SKIP
    ('x ^ { 2 }', (24, 40))

    Raises `ArtifactError` where there are no shards of that split.
    """
    return ShardedDataset(Path(folder), split)


def write_dataset(
    splits: Mapping[Split, Sequence[Sample]],
    vocabulary: Vocabulary,
    folder: str | os.PathLike[str],
    params: BucketParams | None = None,
) -> None:
    """Write samples in memory as the shards that training reads, without the stages' filters.

    The images are those that a model shall see: dark ink on white, cropped and of one font size, as
    `rendering.dataset_images` makes them. Raises `InputError` where there is no sample.
    """
    rows = {
        split: [
            {
                "formula_id": sample.formula_id,
                "latex": sample.latex,
                "tokens": vocabulary.encode(sample.latex.split()),
                "height": sample.image.shape[0],
                "width": sample.image.shape[1],
                "image": {"bytes": encode_png(sample.image), "path": None},
            }
            for sample in samples
        ]
        for split, samples in splits.items()
    }
    write_rows(rows, Path(folder), params or BucketParams())


def write_rows(splits: Mapping[Split, Sequence[dict[str, Any]]], folder: Path, params: BucketParams) -> None:
    """Assign rows of schemas.SAMPLES, all but `bucket`, to buckets around all of them, and write the shards."""
    sizes = np.array([[row["height"], row["width"], len(row["tokens"])] for rows in splits.values() for row in rows])
    if not len(sizes):
        raise InputError(f"{folder}: there is no sample to write")
    shapes = choose_shapes(sizes, params)
    buckets = iter(assign(sizes, shapes, params).tolist())
    save_shapes(shapes, folder / "buckets.json")
    for split, rows in splits.items():
        writer = ShardWriter(folder, split, params.shard_rows)
        writer.add(pa.Table.from_pylist([row | {"bucket": next(buckets)} for row in rows], schema=SAMPLES))
        writer.close()
