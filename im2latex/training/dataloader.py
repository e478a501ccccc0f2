"""Data loader: the batches of a sampler on the training device.

On an accelerator the images are stored in its memory as one flat buffer, and one gather operation assembles a batch
there: a step transfers a few numbers per sample. Where the split is larger than the memory it may use, half of that
memory holds the images of the next batches, and a thread fills the other half with those that follow. On a CPU
`collate` assembles the batches. All three placements give the same tensors.
"""

import copy
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from im2latex.images.arrays import PAPER
from im2latex.training.collate import Batch, collate, image_offsets, pad_tokens
from im2latex.training.dataset import MemoryMappedDataset
from im2latex.training.sampler import BucketBatchSampler
from im2latex.types import Shape

_PIECE_BYTES, _PIECE_IMAGES = 1 << 24, 2000
"""Most pixels, and most images, of a copy to the device."""


class BatchSource(Protocol):
    """Batches by their position in an endless sequence."""

    def indices(self, position: int) -> list[int]:
        """The samples of the batch, as indices into the dataset."""

    def batch(self, position: int, generator: torch.Generator | None) -> Batch:
        """The batch on the training device; images are placed at random by `generator`, centred without."""


class DeviceImageStore:
    """Images of a dataset, or of its samples `indices` in any order, in the memory of a device."""

    def __init__(
        self, dataset: MemoryMappedDataset, device: torch.device, indices: Sequence[int] | None = None
    ) -> None:
        self._device = device
        self._rows: NDArray[np.int64] | None = None
        starts, sizes, count = dataset.starts, dataset.sizes, len(dataset.pixels)
        if indices is not None:
            self._rows = np.sort(np.array(indices))  # the order of the file, which is read fastest
            sizes = sizes[self._rows].astype(np.int64)
            ends = np.cumsum(sizes.prod(axis=1))
            starts, count = ends - sizes.prod(axis=1), int(ends[-1])
        # The last pixel is paper; every pixel outside an image reads it.
        self._pixels = torch.empty(count + 1, dtype=torch.uint8, device=device)
        self._pixels[-1] = PAPER
        self._copy(_pieces(dataset, self._rows))
        self._layout = torch.from_numpy(np.column_stack([starts, sizes]).astype(np.int64)).to(device)

    def _copy(self, pieces: Iterable[NDArray[np.uint8]]) -> None:
        """Copy consecutive pixels to the device, a few MiB at a time."""
        end = 0
        for piece in pieces:
            self._pixels[end : end + len(piece)].copy_(torch.from_numpy(piece))
            end += len(piece)

    def gather(self, indices: list[int], offsets: Tensor, shape: Shape) -> Tensor:
        """Padded images (B, 1, H, W), each with its top left corner at the row and column of `offsets` (B, 2)."""
        rows = np.array(indices) if self._rows is None else np.searchsorted(self._rows, indices)
        layout = self._layout[to_device(torch.from_numpy(rows), self._device)]
        return gather_images(self._pixels, layout, to_device(offsets, self._device), shape, len(self._pixels) - 1)


def _pieces(dataset: MemoryMappedDataset, rows: NDArray[np.int64] | None) -> Iterator[NDArray[np.uint8]]:
    """The pixels of all images, or of those of `rows`, as consecutive arrays in memory."""
    if rows is None:
        for start in range(0, len(dataset.pixels), _PIECE_BYTES):
            yield dataset.pixels[start : start + _PIECE_BYTES].copy()
        return
    for start in range(0, len(rows), _PIECE_IMAGES):
        yield np.concatenate([dataset.array(index).ravel() for index in rows[start : start + _PIECE_IMAGES]])


def gather_images(pixels: Tensor, layout: Tensor, offsets: Tensor, shape: Shape, paper: int) -> Tensor:
    """Padded images (B, 1, H, W) by one gather from flat `pixels`; the pixel at index `paper` fills the padding.

    `layout` (B, 3) holds the first pixel, height and width of each image, `offsets` (B, 2) the row and column of its
    top left corner.
    """
    start, height, width = layout.view(-1, 3, 1, 1).unbind(1)
    top, left = offsets.view(-1, 2, 1, 1).unbind(1)
    row = torch.arange(shape.height, device=pixels.device).view(-1, 1) - top
    column = torch.arange(shape.width, device=pixels.device) - left
    inside = ((row >= 0) & (row < height)) & ((column >= 0) & (column < width))
    return pixels[torch.where(inside, start + row * width + column, paper)].unsqueeze(1)


@dataclass(frozen=True, slots=True)
class _Segment:
    """The images of consecutive batches."""

    positions: range
    images: DeviceImageStore


Placement = Literal["host", "device", "segments"]
"""Where the images are: in the CPU's memory, all on the device, or there a segment at a time."""


class BatchLoader:
    """The batches of a `sampler` by their position, on `device`, with at most `memory_mb` MiB of images there.

    A position may be requested again; sequential access is fastest. The `placement` follows from device and memory
    where it is not given.
    """

    def __init__(
        self,
        dataset: MemoryMappedDataset,
        sampler: BucketBatchSampler,
        device: torch.device,
        memory_mb: int,
        placement: Placement | None = None,
        tokens_step: int = 1,
    ) -> None:
        self._dataset, self._device, self._tokens_step = dataset, device, tokens_step
        self._sampler = sampler
        self._prefetch_sampler = copy.copy(sampler)  # each has one epoch in memory, and the thread may be in the next
        self._segment_bytes = memory_mb * 2**20 // 2
        on_device: Placement = "device" if dataset.pixels.nbytes <= 2 * self._segment_bytes else "segments"
        self.placement = placement or ("host" if device.type == "cpu" else on_device)
        self._store = DeviceImageStore(dataset, device) if self.placement == "device" else None
        self._segment: _Segment | None = None
        self._next: Future[_Segment] | None = None
        self._thread = ThreadPoolExecutor(max_workers=1)

    def indices(self, position: int) -> list[int]:
        """The samples of the batch at a position of the sequence."""
        return self._sampler[position]

    def batch(self, position: int, generator: torch.Generator | None) -> Batch:
        """The batch at a position of the sequence; images are placed at random by `generator`, centred without."""
        indices = self._sampler[position]
        shape = self._sampler.shape(indices)
        if self.placement == "host":
            return collate(self._dataset, indices, generator, self._tokens_step, shape)
        store = self._store or self._segment_with(position).images
        images = store.gather(indices, image_offsets(self._dataset, indices, generator, shape), shape)
        tokens = to_device(pad_tokens(self._dataset, indices, self._tokens_step), self._device)
        return Batch(images, tokens, indices)

    def _segment_with(self, position: int) -> _Segment:
        """The segment that holds this batch; the thread loads the segment after it."""
        if self._segment is None or position not in self._segment.positions:
            self._segment = None  # frees its memory for the segment after the next
            self._segment = self._next.result() if self._next else None
            if self._segment is None or position not in self._segment.positions:
                self._segment = self._load(position)
            self._next = self._thread.submit(self._load, self._segment.positions.stop)
        return self._segment

    def _load(self, first: int) -> _Segment:
        """Load the batches from position `first` on that fit half of the memory, at least one."""
        chosen: list[int] = []
        size, position = 0, first
        while True:
            batch = self._prefetch_sampler[position]
            size += int(self._dataset.sizes[batch].astype(np.int64).prod(axis=1).sum())
            if chosen and size > self._segment_bytes:
                return _Segment(range(first, position), DeviceImageStore(self._dataset, self._device, chosen))
            chosen += batch
            position += 1


def to_device(values: Tensor, device: torch.device) -> Tensor:
    """Copy to the device without waiting: from pinned memory, which an accelerator reads by itself."""
    return (values.pin_memory() if device.type == "cuda" else values).to(device, non_blocking=True)
