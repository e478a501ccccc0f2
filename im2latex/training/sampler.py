"""Batch samplers, within limits on images, pixels and tokens: from one bucket, or uniformly from all samples.

A batch from a bucket has the shape of the bucket; one drawn uniformly has that of its largest images. The order follows
from the seed. Every epoch cuts all samples into batches anew, each sample exactly once.
"""

from bisect import bisect_right
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from im2latex.config import Params
from im2latex.training.dataset import InMemoryDataset
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


class BucketBatchSampler:
    """An endless sequence of batches of sample indices, epoch after epoch; each epoch has every sample exactly once."""

    def __init__(self, dataset: InMemoryDataset, params: BatchParams, seed: int) -> None:
        self._dataset, self._params, self._seed = dataset, params, seed
        self._length = len(bucket_batches(dataset, params))
        self._starts: tuple[int, ...] = (0,)  # of the epochs so far, whose lengths differ with uniform sampling
        self._epoch, self._batches = -1, list[list[int]]()

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
    dataset: InMemoryDataset, params: BatchParams, seed: list[int] | None = None, indices: list[int] | None = None
) -> list[list[int]]:
    """Cut all samples, or those of `indices`, into batches, each sample exactly once; a batch has one bucket.

    With uniform sampling a batch has samples that follow each other in the order, whatever their buckets.

    With a `seed`, samples and batches are shuffled, and samples of similar label length share a batch; without, the
    order of the dataset is kept.
    """
    generator = np.random.default_rng(seed)
    every = np.arange(len(dataset)) if indices is None else np.array(indices, dtype=np.int64)
    order = every if seed is None else generator.permutation(every)
    if params.sampling == "uniform":
        return _cut(order.tolist(), dataset, params)
    buckets: dict[int, list[int]] = {}
    for index in order.tolist():
        buckets.setdefault(dataset.bucket[index], []).append(index)
    batches: list[list[int]] = []
    for bucket in sorted(buckets):
        size = batch_size(dataset.shapes[bucket], params)
        if seed is not None:
            buckets[bucket] = _sort_windows(buckets[bucket], dataset, size * SORT_WINDOW)
        batches += [buckets[bucket][start : start + size] for start in range(0, len(buckets[bucket]), size)]
    return batches if seed is None else [batches[index] for index in generator.permutation(len(batches))]


def _cut(order: list[int], dataset: InMemoryDataset, params: BatchParams) -> list[list[int]]:
    """Batches of samples in this order, each as large as the limits allow."""
    batches: list[list[int]] = []
    for index in order:
        more = [*batches[-1], index] if batches else []
        if more and len(more) <= batch_size(padded_shape(dataset, more, params), params):
            batches[-1] = more
        else:
            batches.append([index])
    return batches


def padded_shape(dataset: InMemoryDataset, indices: list[int], params: BatchParams) -> Shape:
    """The shape that a batch is padded to: of its bucket or, with uniform sampling, around its images.

    That has sides of multiples of `STEPS`, so that fewer shapes occur, and is no larger than the largest bucket.
    """
    if params.sampling == "buckets":
        return dataset.shapes[dataset.bucket[indices[0]]]
    largest = (max(shape.height for shape in dataset.shapes), max(shape.width for shape in dataset.shapes))
    sides = (max(dataset.sizes[index][side] for index in indices) for side in (0, 1))
    height, width = (min(-(-side // step) * step, most) for side, step, most in zip(sides, STEPS, largest, strict=True))
    return Shape(height, width, max(len(dataset.tokens[index]) for index in indices))


def _sort_windows(indices: list[int], dataset: InMemoryDataset, window: int) -> list[int]:
    """Each window of the order sorted by label length, so that batches cut from it pad few tokens."""
    windows = (indices[start : start + window] for start in range(0, len(indices), window))
    return [index for part in windows for index in sorted(part, key=lambda index: len(dataset.tokens[index]))]


def batch_size(shape: Shape, params: BatchParams) -> int:
    """Number of samples of `shape` in a full batch; the begin and end marks count as tokens."""
    by_pixels = params.max_pixels // (shape.height * shape.width)
    by_tokens = params.max_tokens // (shape.tokens + 2)
    return max(1, min(params.max_images, by_pixels, by_tokens))
