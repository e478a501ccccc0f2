"""Dataset whose images are rendered while training runs, and batches of those that are ready.

reads  WORK/pixels.u8, WORK/rows.i64 (recipes.gpu_10min.render), packed labels
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from im2latex.dataset.buckets import BucketParams, assign
from im2latex.training.collate import Batch, image_offsets, pad_tokens
from im2latex.training.dataloader import gather_images, to_device
from im2latex.training.dataset import InMemoryDataset, Shape
from im2latex.training.sampler import BatchParams, batch_size
from recipes.gpu_10min.labels import Labels
from recipes.gpu_10min.render import PIXELS, read_rows

PAPER = 255
REMEMBERED = 200
"""Batches that may be asked for again after they were trained on."""
WINDOW = 4
"""Batches that are cut from one window of samples sorted by label length."""

Ints = NDArray[np.int64]


class ArrivingSamples(InMemoryDataset):
    """All labels; of those whose images have arrived, size, bucket and pixels on the device.

    `ids` are the numbers of the labels. `bucket` is -1 where there is no image, or none that fits a shape. An image of
    a label in its next style takes the place of the earlier one, as long as the device has room for new pixels.
    """

    def __init__(self, labels: Labels, shapes: Ints, bucket: BucketParams, work: Path, device: torch.device) -> None:
        self.shapes = [Shape(*map(int, shape)) for shape in shapes]
        self.tokens, self.labels = labels, labels
        self.ids = [str(number) for number in range(len(labels))]
        self.latex = []
        self.sizes = [(0, 0)] * len(labels)
        self.starts = np.zeros(len(labels), dtype=np.int64)
        self.bucket = [-1] * len(labels)
        self.seen = self.arrived = self.refused = 0
        self._shapes, self._params, self._work, self.device = shapes, bucket, work, device
        self._layout = torch.zeros((len(labels), 3), dtype=torch.int64, device=device)
        self._pixels = torch.empty(room(device), dtype=torch.uint8, device=device)
        self._pixels[0] = PAPER
        self._used = 1

    def take(self) -> NDArray[np.int64]:
        """Take over what has arrived since the last call; returns the numbers of labels whose image is new."""
        rows = read_rows(self._work, self.seen)
        space = len(self._pixels) - self._used - np.cumsum(rows[:, 2] * rows[:, 3])
        rows = rows[space >= 0]
        self.seen += len(rows)
        rows[:, 0] %= len(self.labels)
        rows = rows[len(rows) - 1 - np.unique(rows[::-1, 0], return_index=True)[1]]  # the latest of each label
        numbers, sizes = rows[:, 0], np.column_stack([rows[:, 2:], self.labels.lengths[rows[:, 0]]]).astype(np.int64)
        held = np.zeros(len(rows), dtype=np.bool_)
        for shape in self._shapes:
            held |= (sizes <= shape).all(axis=1)
        fits = (rows[:, 2] > 0) & held
        self.refused += int((~fits).sum())
        rows, numbers, sizes = rows[fits], numbers[fits], sizes[fits]
        if not len(rows):
            return numbers
        buckets = assign(sizes, self._shapes, self._params)
        places = self._copied(rows)
        self._layout[torch.from_numpy(numbers).to(self.device)] = torch.from_numpy(
            np.column_stack([places, rows[:, 2:]])
        ).to(self.device)
        for number, start, (height, width), chosen in zip(
            numbers.tolist(), rows[:, 1].tolist(), rows[:, 2:].tolist(), buckets.tolist(), strict=True
        ):
            self.sizes[number], self.bucket[number], self.starts[number] = (height, width), chosen, start
        self.arrived += len(rows)
        return numbers

    def _copied(self, rows: Ints) -> Ints:
        """Send pixels to the device, a run of the file at a time; where the images of `rows` begin there."""
        mapped = np.memmap(self._work / PIXELS, dtype=np.uint8, mode="r")
        first, size = rows[:, 1], rows[:, 2] * rows[:, 3]
        order = np.argsort(first, kind="stable")
        breaks = np.flatnonzero(first[order][1:] != (first + size)[order][:-1]) + 1
        places = np.zeros(len(rows), dtype=np.int64)
        for run in np.split(order, breaks):
            start, stop = int(first[run[0]]), int(first[run[-1]] + size[run[-1]])
            self._pixels[self._used : self._used + stop - start].copy_(torch.from_numpy(np.array(mapped[start:stop])))
            places[run] = first[run] - start + self._used
            self._used += stop - start
        return places

    def array(self, index: int) -> NDArray[np.uint8]:
        """The image (h, w) of a label, from the file."""
        (height, width), start = self.sizes[index], self.starts[index]
        mapped = np.memmap(self._work / PIXELS, dtype=np.uint8, mode="r")
        return np.array(mapped[start : start + height * width]).reshape(height, width)

    def gather(self, indices: list[int], at: Tensor, shape: Shape) -> Tensor:
        """The pages (B, 1, H, W) of a batch, each image with its top left corner `at` (B, 2) a row and column."""
        layout = self._layout[to_device(torch.tensor(indices), self.device)]
        return gather_images(self._pixels, layout, to_device(at, self.device), shape, 0)


def room(device: torch.device) -> int:
    """Pixels that are kept: 45 % of an accelerator's free memory; a processor's grows with what is written there."""
    return int(0.45 * torch.cuda.mem_get_info(device)[0]) if device.type == "cuda" else 1 << 32


class HeldOut(InMemoryDataset):
    """The labels to validate on that have an image."""

    def __init__(self, samples: ArrivingSamples) -> None:
        held_out: list[int] = np.flatnonzero(samples.labels.held_out).tolist()
        chosen = [number for number in held_out if samples.bucket[number] >= 0]
        self._samples, self._chosen = samples, chosen
        self.shapes = samples.shapes
        self.ids = [samples.ids[number] for number in chosen]
        self.latex = []
        self.tokens = [samples.tokens[number] for number in chosen]
        self.bucket = [samples.bucket[number] for number in chosen]
        self.sizes = [samples.sizes[number] for number in chosen]

    def array(self, index: int) -> NDArray[np.uint8]:
        """The image (h, w)."""
        return self._samples.array(self._chosen[index])


class ArrivingBatches:
    """An endless sequence of batches of one shape; a round has every sample that had arrived when it was cut.

    The batches of a shape have one size; what is left over waits for the next round, unless there is too little for
    one batch at all.
    """

    def __init__(self, samples: ArrivingSamples, params: BatchParams, seed: int) -> None:
        self._samples, self._params, self._seed = samples, params, seed
        self._lengths = samples.labels.lengths.astype(np.int64)
        self._round = 0
        self._first = 0
        self._batches: list[list[int]] = []

    def take(self) -> int:
        """Take over what has arrived; returns the number of samples to train on."""
        self._samples.take()
        return int(np.count_nonzero(self._buckets() >= 0))

    def _buckets(self) -> Ints:
        """The bucket of each sample to train on, -1 for all others."""
        return np.where(self._samples.labels.held_out, -1, np.array(self._samples.bucket, dtype=np.int64))

    def indices(self, position: int) -> list[int]:
        """The samples of a batch; of those before the last one asked for, only the latest are remembered."""
        while position >= self._first + len(self._batches):
            self.take()
            kept = self._batches[-REMEMBERED:]
            self._first += len(self._batches) - len(kept)
            self._batches = kept + self._cut()
            self._round += 1
        return self._batches[position - self._first]

    def batch(self, position: int, generator: torch.Generator | None) -> Batch:
        """The batch on the device; images are placed at random by `generator`, centred without."""
        indices = self.indices(position)
        shape = self._samples.shapes[self._samples.bucket[indices[0]]]
        images = self._samples.gather(indices, image_offsets(self._samples, indices, generator), shape)
        tokens = to_device(pad_tokens(self._samples, indices, self._params.tokens_step), self._samples.device)
        return Batch(images, tokens, [self._samples.ids[index] for index in indices])

    def _cut(self) -> list[list[int]]:
        """The batches of one round, in random order."""
        generator = np.random.default_rng([self._seed, self._round])
        batches: list[list[int]] = []
        buckets = self._buckets()
        for number, shape in enumerate(self._samples.shapes):
            size = batch_size(shape, self._params)
            order = generator.permutation(np.flatnonzero(buckets == number))
            window = np.arange(len(order)) // (size * WINDOW)
            order = order[np.lexsort((self._lengths[order], window))]
            count = len(order) // size
            batches += order[: count * size].reshape(count, size).tolist()
            if not count and len(order):
                batches.append(order.tolist())
        return [batches[index] for index in generator.permutation(len(batches))]
