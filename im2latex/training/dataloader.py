"""The batches of a training run, on the device that trains.

On an accelerator the images live in its memory as one flat buffer, and a batch is put together there by a single
gather: what crosses the bus in a step is a few numbers a sample. Where the split is larger than the memory it may
take, half of that memory holds the images of the next batches, and a thread fills the other half with those after
them. On a processor batches come from `batches.collate`. All ways give the same tensors.
"""

import copy
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from im2latex.training.batches import Batch, Epochs, Samples, Shape, collate, corners, pad_tokens

_PAPER = 255


class Source(Protocol):
    """Batches by their place in an endless sequence."""

    def indices(self, place: int) -> list[int]:
        """The samples of the batch, by their place among the samples."""

    def batch(self, place: int, placing: torch.Generator | None) -> Batch:
        """The batch on the device that trains; images lie at random corners from `placing`, centred without."""


class Resident:
    """Images of some samples of a split, in the memory of a device; `chosen` in any order, all by default."""

    def __init__(self, samples: Samples, device: torch.device, chosen: Sequence[int] | None = None) -> None:
        self._device = device
        self._rows: dict[int, int] | None = None
        pixels, starts, sizes = samples.pixels, samples.starts, np.array(samples.sizes).reshape(-1, 2)
        if chosen is not None:
            self._rows = {index: row for row, index in enumerate(chosen)}
            pixels = np.concatenate([samples.array(index).ravel() for index in chosen])
            sizes = sizes[list(chosen)]
            starts = np.cumsum([0, *sizes.prod(axis=1)])[:-1]
        # One pixel of paper at the end, which stands for all around the images.
        self._pixels = torch.empty(len(pixels) + 1, dtype=torch.uint8, device=device)
        self._pixels[:-1].copy_(torch.from_numpy(pixels))
        self._pixels[-1] = _PAPER
        self._layout = torch.from_numpy(np.column_stack([starts, sizes])).to(device)

    def gather(self, indices: list[int], at: Tensor, shape: Shape) -> Tensor:
        """The pages (B, 1, H, W) of a batch, each image with its top left corner `at` (B, 2) a row and column."""
        rows = indices if self._rows is None else [self._rows[index] for index in indices]
        layout = self._layout[sent(torch.tensor(rows), self._device)]
        return pages(self._pixels, layout, sent(at, self._device), shape, len(self._pixels) - 1)


def pages(pixels: Tensor, layout: Tensor, at: Tensor, shape: Shape, paper: int) -> Tensor:
    """Pages (B, 1, H, W) by a single gather from flat `pixels`, of which the one at `paper` stands for all around.

    `layout` (B, 3) are the first pixel, height and width of each image, `at` (B, 2) the row and column of its corner.
    """
    start, height, width = layout.view(-1, 3, 1, 1).unbind(1)
    top, left = at.view(-1, 2, 1, 1).unbind(1)
    row = torch.arange(shape.height, device=pixels.device).view(-1, 1) - top
    column = torch.arange(shape.width, device=pixels.device) - left
    drawn = ((row >= 0) & (row < height)) & ((column >= 0) & (column < width))
    return pixels[torch.where(drawn, start + row * width + column, paper)].unsqueeze(1)


@dataclass(frozen=True, slots=True)
class _Part:
    """The images of some batches in a row."""

    places: range
    images: Resident


Way = Literal["collated", "whole", "parts"]


class Feed:
    """The batches of `epochs` by their place, on `device`, with at most `memory_mb` MiB of images.

    A place may be asked for again; forwards in order is fastest. The `way` follows from device and memory where it is
    not given.
    """

    def __init__(
        self,
        samples: Samples,
        epochs: Epochs,
        device: torch.device,
        memory_mb: int,
        way: Way | None = None,
        tokens_step: int = 1,
    ) -> None:
        self._samples, self._device, self._tokens_step = samples, device, tokens_step
        self._epochs = epochs
        self._ahead = copy.copy(epochs)  # each keeps one epoch, and the thread may be in the next
        self._half = memory_mb * 2**20 // 2
        fitting: Way = "whole" if samples.pixels.nbytes <= 2 * self._half else "parts"
        self.way = way or ("collated" if device.type == "cpu" else fitting)
        self._whole = Resident(samples, device) if self.way == "whole" else None
        self._part: _Part | None = None
        self._next: Future[_Part] | None = None
        self._thread = ThreadPoolExecutor(max_workers=1)

    def indices(self, place: int) -> list[int]:
        """The samples of the batch at a place in the sequence."""
        return self._epochs[place]

    def batch(self, place: int, placing: torch.Generator | None) -> Batch:
        """The batch at a place in the sequence; images lie at random corners from `placing`, centred without."""
        indices = self._epochs[place]
        if self.way == "collated":
            return collate(self._samples, indices, placing, self._tokens_step)
        shape = self._samples.shapes[self._samples.bucket[indices[0]]]
        store = self._whole or self._part_with(place).images
        images = store.gather(indices, corners(self._samples, indices, placing), shape)
        tokens = sent(pad_tokens(self._samples, indices, self._tokens_step), self._device)
        return Batch(images, tokens, [self._samples.ids[index] for index in indices])

    def _part_with(self, place: int) -> _Part:
        """The part that holds this batch; the one after it is loaded meanwhile."""
        if self._part is None or place not in self._part.places:
            self._part = None  # its memory is what the part after the next goes to
            self._part = self._next.result() if self._next else None
            if self._part is None or place not in self._part.places:
                self._part = self._load(place)
            self._next = self._thread.submit(self._load, self._part.places.stop)
        return self._part

    def _load(self, first: int) -> _Part:
        """As many batches as half of the memory holds, from a place on; one in any case."""
        chosen: list[int] = []
        size, place = 0, first
        while True:
            batch = self._ahead[place]
            size += sum(height * width for height, width in (self._samples.sizes[index] for index in batch))
            if chosen and size > self._half:
                return _Part(range(first, place), Resident(self._samples, self._device, chosen))
            chosen += batch
            place += 1


def sent(values: Tensor, device: torch.device) -> Tensor:
    """A copy on the device that the processor does not wait for: from memory that an accelerator reads by itself."""
    return (values.pin_memory() if device.type == "cuda" else values).to(device, non_blocking=True)
