"""Dataset whose images are rendered while training runs, and batches of those that are ready.

reads  WORK/pixels.u8, WORK/rows.i64 (recipes.gpu_10min.render), packed labels
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from im2latex.dataset.buckets import BucketParams, assign
from im2latex.training.collate import Batch, image_offsets, pad_tokens
from im2latex.training.dataloader import gather_images, to_device
from im2latex.training.dataset import MemoryMappedDataset
from im2latex.training.sampler import BatchParams, batch_size
from im2latex.types import Shape
from recipes.gpu_10min.labels import Labels
from recipes.gpu_10min.render import PIXELS, read_rows

PAPER = 255
BATCH_HISTORY = 200
"""Past batches that can be requested again."""
SORT_WINDOW = 4
"""Batches that are cut from one window of samples sorted by label length."""

Ints = NDArray[np.int64]


class StreamingDataset(MemoryMappedDataset):
    """All labels, with size, bucket and pixels on the device for those whose image is rendered.

    `ids` are the indices of the labels. `bucket` is -1 where no image is rendered or it fits no shape. The image of a
    label in its next style replaces the earlier one, while there is device memory left for new pixels.
    """

    def __init__(self, labels: Labels, shapes: Ints, bucket: BucketParams, work: Path, device: torch.device) -> None:
        self.shapes = [Shape(*map(int, shape)) for shape in shapes]
        self.labels, self.lengths = labels, labels.lengths
        self.ids = [str(number) for number in range(len(labels))]
        self.sizes = np.zeros((len(labels), 2), dtype=np.int64)
        self.starts = np.zeros(len(labels), dtype=np.int64)
        self.bucket = np.full(len(labels), -1)
        self.num_rows = self.num_images = self.num_rejected = 0
        self._shapes, self._params, self._work, self.device = shapes, bucket, work, device
        self._layout = torch.zeros((len(labels), 3), dtype=torch.int64, device=device)
        self._pixels = torch.empty(pixel_capacity(device), dtype=torch.uint8, device=device)
        self._pixels[0] = PAPER
        self._used = 1

    def update(self) -> NDArray[np.int64]:
        """Load the images that were rendered since the last call; returns the indices of their labels."""
        rows = read_rows(self._work, self.num_rows)
        space = len(self._pixels) - self._used - np.cumsum(rows[:, 2] * rows[:, 3])
        rows = rows[space >= 0]
        self.num_rows += len(rows)
        rows[:, 0] %= len(self.labels)
        rows = rows[len(rows) - 1 - np.unique(rows[::-1, 0], return_index=True)[1]]  # the latest image of each label
        indices, sizes = rows[:, 0], np.column_stack([rows[:, 2:], self.labels.lengths[rows[:, 0]]]).astype(np.int64)
        fits_a_shape = np.zeros(len(rows), dtype=np.bool_)
        for shape in self._shapes:
            fits_a_shape |= (sizes <= shape).all(axis=1)
        usable = (rows[:, 2] > 0) & fits_a_shape
        self.num_rejected += int((~usable).sum())
        rows, indices, sizes = rows[usable], indices[usable], sizes[usable]
        if not len(rows):
            return indices
        buckets = assign(sizes, self._shapes, self._params)
        offsets = self._copy_to_device(rows)
        self._layout[torch.from_numpy(indices).to(self.device)] = torch.from_numpy(
            np.column_stack([offsets, rows[:, 2:]])
        ).to(self.device)
        self.sizes[indices], self.bucket[indices], self.starts[indices] = rows[:, 2:], buckets, rows[:, 1]
        self.num_images += len(rows)
        return indices

    def _copy_to_device(self, rows: Ints) -> Ints:
        """Copy pixels to the device, one contiguous run of the file at a time; returns the offset of each image."""
        mapped = np.memmap(self._work / PIXELS, dtype=np.uint8, mode="r")
        first, size = rows[:, 1], rows[:, 2] * rows[:, 3]
        order = np.argsort(first, kind="stable")
        breaks = np.flatnonzero(first[order][1:] != (first + size)[order][:-1]) + 1
        offsets = np.zeros(len(rows), dtype=np.int64)
        for run in np.split(order, breaks):
            start, stop = int(first[run[0]]), int(first[run[-1]] + size[run[-1]])
            self._pixels[self._used : self._used + stop - start].copy_(torch.from_numpy(np.array(mapped[start:stop])))
            offsets[run] = first[run] - start + self._used
            self._used += stop - start
        return offsets

    def array(self, index: int) -> NDArray[np.uint8]:
        """The image (h, w) of a label, read from the file."""
        (height, width), start = self.sizes[index], self.starts[index]
        mapped = np.memmap(self._work / PIXELS, dtype=np.uint8, mode="r")
        return np.array(mapped[start : start + height * width]).reshape(height, width)

    def label(self, index: int) -> Sequence[int]:
        """The token ids of a label, without marks."""
        return self.labels[index]

    def gather(self, indices: list[int], at: Tensor, shape: Shape) -> Tensor:
        """The padded images (B, 1, H, W) of a batch; `at` (B, 2) is row and column of the top left corner of each."""
        layout = self._layout[to_device(torch.tensor(indices), self.device)]
        return gather_images(self._pixels, layout, to_device(at, self.device), shape, 0)


def pixel_capacity(device: torch.device) -> int:
    """Pixels to allocate: 45 % of free accelerator memory; on a CPU unwritten memory is not committed."""
    return int(0.45 * torch.cuda.mem_get_info(device)[0]) if device.type == "cuda" else 1 << 32


class ValidationDataset(MemoryMappedDataset):
    """The held-out labels that have an image."""

    def __init__(self, samples: StreamingDataset) -> None:
        held_out: list[int] = np.flatnonzero(samples.labels.held_out).tolist()
        indices = [index for index in held_out if samples.bucket[index] >= 0]
        self._samples, self._indices = samples, indices
        self.shapes = samples.shapes
        self.ids = [samples.ids[index] for index in indices]
        self.lengths, self.bucket, self.sizes = (
            samples.lengths[indices],
            samples.bucket[indices],
            samples.sizes[indices],
        )

    def label(self, index: int) -> Sequence[int]:
        """The token ids of a label, without marks."""
        return self._samples.label(self._indices[index])

    def array(self, index: int) -> NDArray[np.uint8]:
        """The image (h, w)."""
        return self._samples.array(self._indices[index])


class StreamingBatchLoader:
    """Endless sequence of batches of one shape each; an epoch has every sample whose image was ready at its start.

    The batches of a shape have one size. Remaining samples wait for the next epoch, unless they are fewer than one
    batch in all.
    """

    def __init__(self, samples: StreamingDataset, params: BatchParams, seed: int) -> None:
        self._samples, self._params, self._seed = samples, params, seed
        self._lengths = samples.labels.lengths.astype(np.int64)
        self._epoch = 0
        self._first = 0
        self._batches: list[list[int]] = []

    def update(self) -> int:
        """Load new images; returns the number of training samples."""
        self._samples.update()
        return int(np.count_nonzero(self._buckets() >= 0))

    def _buckets(self) -> Ints:
        """Bucket of each training sample, -1 for all others."""
        return np.where(self._samples.labels.held_out, -1, self._samples.bucket)

    def indices(self, position: int) -> list[int]:
        """Sample indices of a batch; of earlier batches only the latest `BATCH_HISTORY` are kept."""
        while position >= self._first + len(self._batches):
            self.update()
            kept = self._batches[-BATCH_HISTORY:]
            self._first += len(self._batches) - len(kept)
            self._batches = kept + self._sample_epoch()
            self._epoch += 1
        return self._batches[position - self._first]

    def batch(self, position: int, generator: torch.Generator | None) -> Batch:
        """The batch on the device; images are placed at random with `generator`, centred without."""
        indices = self.indices(position)
        shape = self._samples.shapes[self._samples.bucket[indices[0]]]
        images = self._samples.gather(indices, image_offsets(self._samples, indices, generator), shape)
        tokens = to_device(pad_tokens(self._samples, indices, self._params.tokens_step), self._samples.device)
        return Batch(images, tokens, indices)

    def _sample_epoch(self) -> list[list[int]]:
        """Batches of one epoch, in random order."""
        generator = np.random.default_rng([self._seed, self._epoch])
        batches: list[list[int]] = []
        buckets = self._buckets()
        for number, shape in enumerate(self._samples.shapes):
            size = batch_size(shape, self._params)
            order = generator.permutation(np.flatnonzero(buckets == number))
            window = np.arange(len(order)) // (size * SORT_WINDOW)
            order = order[np.lexsort((self._lengths[order], window))]
            count = len(order) // size
            batches += order[: count * size].reshape(count, size).tolist()
            if not count and len(order):
                batches.append(order.tolist())
        return [batches[index] for index in generator.permutation(len(batches))]
