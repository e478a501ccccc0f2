"""Collate functions: samples to padded batches of one bucket shape."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.images.arrays import PAPER
from im2latex.training.dataset import MemoryMappedDataset
from im2latex.types import Shape


@dataclass(frozen=True, slots=True)
class Batch:
    """Images uint8 (B, 1, H, W), 255 paper; token ids (B, T) with begin mark, end mark and padding; B indices."""

    images: Tensor
    tokens: Tensor
    indices: list[int]


def collate(
    dataset: MemoryMappedDataset,
    indices: list[int],
    generator: torch.Generator | None = None,
    tokens_step: int = 1,
    shape: Shape | None = None,
) -> Batch:
    """Pad samples to a batch of `shape`, by default that of their bucket.

    Images are placed at random by `generator`, centred without.
    """
    shape = shape or dataset.shapes[dataset.bucket[indices[0]]]
    images = np.full((len(indices), 1, shape.height, shape.width), PAPER, dtype=np.uint8)
    offsets = image_offsets(dataset, indices, generator, shape).tolist()
    for padded, index, (top, left) in zip(images, indices, offsets, strict=True):
        image = dataset.array(index)
        padded[0, top : top + image.shape[0], left : left + image.shape[1]] = image
    tokens = pad_tokens(dataset, indices, tokens_step)
    return Batch(torch.from_numpy(images), tokens, indices)


def image_offsets(
    dataset: MemoryMappedDataset, indices: list[int], generator: torch.Generator | None, shape: Shape | None = None
) -> Tensor:
    """Row and column of the top left corner of each image in its padded image: int64 (B, 2).

    Drawn uniformly from all offsets at which the whole image fits; without `generator` the image is centred.
    """
    shape = shape or dataset.shapes[dataset.bucket[indices[0]]]
    sizes = torch.from_numpy(dataset.sizes[indices].astype(np.int64))
    free = torch.tensor([shape.height, shape.width]) - sizes
    if generator is None:
        return free // 2
    return (torch.rand(free.shape, generator=generator) * (free + 1)).long()


def pad_tokens(dataset: MemoryMappedDataset, indices: list[int], step: int = 1) -> Tensor:
    """The labels (B, T) between begin and end mark, padded to the longest, rounded up to a multiple of `step`."""
    length = -(-(int(dataset.lengths[indices].max()) + 2) // step) * step
    tokens = np.full((len(indices), length), Vocabulary.pad, dtype=np.int64)
    for row, index in zip(tokens, indices, strict=True):
        label = dataset.label(index)
        row[0] = Vocabulary.bos
        row[1 : len(label) + 1] = label
        row[len(label) + 1] = Vocabulary.eos
    return torch.from_numpy(tokens)
