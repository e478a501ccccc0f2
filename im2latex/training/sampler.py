"""Batch samplers, within limits on images, pixels and tokens: from one bucket, or uniformly from all samples.

A batch from a bucket has the shape of the bucket; one drawn uniformly has that of its largest images. The order follows
from the seed. Every epoch cuts all samples into batches anew, each sample exactly once.
"""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Annotated, Literal, overload

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from im2latex.config import Params
from im2latex.training.dataset import MemoryMappedDataset
from im2latex.types import Shape

STEPS = (4, 8)
"""Height and width of a batch that is sampled uniformly are multiples of these, in pixels."""
SORT_WINDOW = 4
"""Batches that are cut from one window of samples sorted by label length; `benchmarks.buckets` measures the gain."""


class BatchParams(Params):
    """Size of a batch, and what shares one; the tightest of the three limits holds, with at least one sample."""

    sampling: Literal["buckets", "uniform"] = Field(
        default="buckets",
        description="buckets: samples of one bucket share a batch; uniform: any samples, padded to the largest of them",
    )

    max_images: int = Field(default=16, ge=1, description="most images in a batch")
    max_pixels: int = Field(default=400_000, ge=512, description="most pixels in a batch, padding included")
    max_tokens: int = Field(default=1024, ge=8, description="most tokens in a batch, padding included")
    tokens_step: int = Field(
        default=1, ge=1, description="labels of a batch are padded to a multiple of this, begin and end marks included"
    )


Auto = Literal["auto"]
"""A limit that is found by a measurement of memory; see `training.batch_size`."""


class AutoBatchParams(BatchParams):
    """Size of a batch whose limits may be `auto`; `batch_size.resolve_batches` puts numbers in their place."""

    max_images: Annotated[int, Field(ge=1)] | Auto = Field(  # type: ignore[assignment]  # resolved before it is used
        default=16, description="most images in a batch, or auto"
    )
    max_pixels: Annotated[int, Field(ge=512)] | Auto = Field(  # type: ignore[assignment]
        default=400_000, description="most pixels in a batch, padding included, or auto"
    )
    max_tokens: Annotated[int, Field(ge=8)] | Auto = Field(  # type: ignore[assignment]
        default=1024, description="most tokens in a batch, padding included, or auto"
    )

    @property
    def auto_keys(self) -> list[str]:
        """The limits that are `auto`."""
        return [name for name in type(self).model_fields if getattr(self, name) == "auto"]


Indices = NDArray[np.int64]


class Batches(Sequence[list[int]]):
    """Batches of sample indices: parts of an `order` (N,) of samples, from `starts` (B,) to `ends` (B,)."""

    def __init__(self, order: Indices, starts: Indices, ends: Indices) -> None:
        self._order, self._starts, self._ends = order, starts, ends

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, place: int) -> list[int]: ...

    @overload
    def __getitem__(self, place: slice) -> list[list[int]]: ...

    def __getitem__(self, place: int | slice) -> list[int] | list[list[int]]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        batch: list[int] = self._order[self._starts[place] : self._ends[place]].tolist()
        return batch

    def permuted(self, permutation: Indices) -> "Batches":
        """The same batches in another order."""
        return Batches(self._order, self._starts[permutation], self._ends[permutation])


class BucketBatchSampler:
    """An endless sequence of batches of sample indices, epoch after epoch; each epoch has every sample exactly once."""

    def __init__(self, dataset: MemoryMappedDataset, params: BatchParams, seed: int) -> None:
        self._dataset, self._params, self._seed = dataset, params, seed
        self._length = len(bucket_batches(dataset, params))
        self._starts: tuple[int, ...] = (0,)  # of the epochs so far, whose lengths differ with uniform sampling
        self._epoch, self._batches = -1, Batches(*[np.zeros(0, np.int64)] * 3)

    def __getitem__(self, position: int) -> list[int]:
        """The indices of the batch at a position of the sequence; only the current epoch is in memory."""
        if self._params.sampling == "uniform":
            while position >= self._starts[-1]:
                self._load(len(self._starts) - 1)
                self._starts = (*self._starts, self._starts[-1] + len(self._batches))
            epoch = bisect_right(self._starts, position) - 1
            place = position - self._starts[epoch]
        else:
            epoch, place = divmod(position, self._length)
        self._load(epoch)
        return self._batches[place]

    def shape(self, indices: list[int]) -> Shape:
        """The padded shape of a batch."""
        return padded_shape(self._dataset, indices, self._params)

    def _load(self, epoch: int) -> None:
        if epoch != self._epoch:
            self._epoch = epoch
            self._batches = bucket_batches(self._dataset, self._params, [self._seed, epoch])


def bucket_batches(
    dataset: MemoryMappedDataset, params: BatchParams, seed: list[int] | None = None, indices: list[int] | None = None
) -> Batches:
    """Cut all samples, or those of `indices`, into batches, each sample exactly once; a batch has one bucket.

    With uniform sampling a batch has samples that follow each other in the order, whatever their buckets.

    With a `seed`, samples and batches are shuffled, and samples of similar label length share a batch; without, the
    order of the dataset is kept.
    """
    generator = np.random.default_rng(seed)
    order = np.arange(len(dataset)) if indices is None else np.array(indices, dtype=np.int64)
    if seed is not None:
        generator.shuffle(order)
    if params.sampling == "uniform":
        return _cut(order, dataset, params)
    buckets = dataset.bucket[order]
    order, counts = order[np.argsort(buckets, kind="stable")], np.bincount(buckets, minlength=len(dataset.shapes))
    starts, ends = [], []
    for last, count, shape in zip(np.cumsum(counts).tolist(), counts.tolist(), dataset.shapes, strict=True):
        size = batch_size(shape, params)
        if seed is not None:
            _sort_windows(order[last - count : last], dataset, size * SORT_WINDOW)
        starts.append(np.arange(last - count, last, size))
        ends.append(np.minimum(starts[-1] + size, last))
    batches = Batches(order, np.concatenate(starts), np.concatenate(ends))
    return batches if seed is None else batches.permuted(generator.permutation(len(batches)))


def _cut(order: Indices, dataset: MemoryMappedDataset, params: BatchParams) -> Batches:
    """Batches of samples in this order, each as large as the limits allow."""
    ends = [0]
    while ends[-1] < len(order):
        following = order[ends[-1] : ends[-1] + params.max_images]
        heights, widths, lengths = _padded(dataset, following)
        most = np.minimum(params.max_pixels // (heights * widths), params.max_tokens // (lengths + 2))
        fits = np.arange(2, len(following) + 1) <= most[1:]
        ends.append(ends[-1] + (len(following) if fits.all() else 1 + int(fits.argmin())))
    return Batches(order, np.array(ends[:-1]), np.array(ends[1:]))


def padded_shape(dataset: MemoryMappedDataset, indices: list[int], params: BatchParams) -> Shape:
    """The shape that a batch is padded to: of its bucket or, with uniform sampling, around its images.

    That has sides of multiples of `STEPS`, so that fewer shapes occur, and is no larger than the largest bucket.
    """
    if params.sampling == "buckets":
        shape: Shape = dataset.shapes[dataset.bucket[indices[0]]]
        return shape
    return Shape(*(int(values[-1]) for values in _padded(dataset, indices)))


def _padded(dataset: MemoryMappedDataset, indices: Sequence[int] | Indices) -> tuple[Indices, Indices, Indices]:
    """Height, width and tokens (B,) around the first samples of `indices` (B,), the first one, the first two, ..."""
    largest = (max(shape.height for shape in dataset.shapes), max(shape.width for shape in dataset.shapes))
    sizes = np.maximum.accumulate(dataset.sizes[indices].astype(np.int64), axis=0)
    heights, widths = np.minimum(-(-sizes // STEPS) * STEPS, largest).T
    return heights, widths, np.maximum.accumulate(dataset.lengths[indices].astype(np.int64))


def _sort_windows(order: Indices, dataset: MemoryMappedDataset, window: int) -> None:
    """Sort each window of the order by label length, so that batches cut from it pad few tokens."""
    windows = np.arange(len(order)) // window
    order[:] = order[np.lexsort((dataset.lengths[order], windows))]


def batch_size(shape: Shape, params: BatchParams) -> int:
    """Number of samples of `shape` in a full batch; the begin and end marks count as tokens."""
    by_pixels = params.max_pixels // (shape.height * shape.width)
    by_tokens = params.max_tokens // (shape.tokens + 2)
    return max(1, min(params.max_images, by_pixels, by_tokens))
