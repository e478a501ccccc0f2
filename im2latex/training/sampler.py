"""Batch sampler over buckets: every batch has one shape, within limits on images, pixels and tokens.

The order follows from the seed. Every epoch cuts all samples into batches anew, each sample exactly once.
"""

import numpy as np
from pydantic import Field

from im2latex.config import Params
from im2latex.training.dataset import InMemoryDataset
from im2latex.types import Shape

SORT_WINDOW = 4
"""Batches that are cut from one window of samples sorted by label length; `benchmarks.buckets` measures the gain."""


class BatchParams(Params):
    """Size of a batch; the tightest of the three limits holds, and a batch has at least one sample."""

    max_images: int = Field(default=16, ge=1, description="most images in a batch")
    max_pixels: int = Field(default=400_000, ge=512, description="most pixels in a batch, padding included")
    max_tokens: int = Field(default=1024, ge=8, description="most tokens in a batch, padding included")
    tokens_step: int = Field(
        default=1, ge=1, description="labels of a batch are padded to a multiple of this, begin and end marks included"
    )


class BucketBatchSampler:
    """An endless sequence of batches of sample indices, epoch after epoch; each epoch has every sample exactly once."""

    def __init__(self, dataset: InMemoryDataset, params: BatchParams, seed: int) -> None:
        self._dataset, self._params, self._seed = dataset, params, seed
        self._length = len(bucket_batches(dataset, params))
        self._epoch, self._batches = -1, list[list[int]]()

    def __getitem__(self, position: int) -> list[int]:
        """The indices of the batch at a position of the sequence; only the current epoch is in memory."""
        epoch, place = divmod(position, self._length)
        if epoch != self._epoch:
            self._epoch = epoch
            self._batches = bucket_batches(self._dataset, self._params, [self._seed, epoch])
        return self._batches[place]


def bucket_batches(
    dataset: InMemoryDataset, params: BatchParams, seed: list[int] | None = None, indices: list[int] | None = None
) -> list[list[int]]:
    """Cut all samples, or those of `indices`, into batches of one bucket each, each sample exactly once.

    With a `seed`, samples and batches are shuffled, and samples of similar label length share a batch; without, the
    order of the dataset is kept.
    """
    generator = np.random.default_rng(seed)
    every = np.arange(len(dataset)) if indices is None else np.array(indices, dtype=np.int64)
    order = every if seed is None else generator.permutation(every)
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


def _sort_windows(indices: list[int], dataset: InMemoryDataset, window: int) -> list[int]:
    """Each window of the order sorted by label length, so that batches cut from it pad few tokens."""
    windows = (indices[start : start + window] for start in range(0, len(indices), window))
    return [index for part in windows for index in sorted(part, key=lambda index: len(dataset.tokens[index]))]


def batch_size(shape: Shape, params: BatchParams) -> int:
    """Number of samples of `shape` in a full batch; the begin and end marks count as tokens."""
    by_pixels = params.max_pixels // (shape.height * shape.width)
    by_tokens = params.max_tokens // (shape.tokens + 2)
    return max(1, min(params.max_images, by_pixels, by_tokens))
