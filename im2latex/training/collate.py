"""Collate functions: samples to padded batches of one bucket shape."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.images.arrays import PAPER
from im2latex.training.dataset import InMemoryDataset
from im2latex.types import Shape


@dataclass(frozen=True, slots=True)
class Batch:
    """Images uint8 (B, 1, H, W), 255 paper; token ids (B, T) with begin mark, end mark and padding; B formula ids."""

    images: Tensor
    tokens: Tensor
    ids: list[str]


def collate(
    dataset: InMemoryDataset,
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
        height, width = dataset.sizes[index]
        padded[0, top : top + height, left : left + width] = dataset.array(index)
    tokens = pad_tokens(dataset, indices, tokens_step)
    return Batch(torch.from_numpy(images), tokens, [dataset.ids[index] for index in indices])


def image_offsets(
    dataset: InMemoryDataset, indices: list[int], generator: torch.Generator | None, shape: Shape | None = None
) -> Tensor:
    """Row and column of the top left corner of each image in its padded image: int64 (B, 2).

    Drawn uniformly from all offsets at which the whole image fits; without `generator` the image is centred.
    """
    shape = shape or dataset.shapes[dataset.bucket[indices[0]]]
    free = torch.tensor([shape.height, shape.width]) - torch.tensor([dataset.sizes[index] for index in indices])
    if generator is None:
        return free // 2
    return (torch.rand(free.shape, generator=generator) * (free + 1)).long()


def pad_tokens(dataset: InMemoryDataset, indices: list[int], step: int = 1) -> Tensor:
    """The labels (B, T) between begin and end mark, padded to the longest, rounded up to a multiple of `step`."""
    length = -(-(max(len(dataset.tokens[index]) for index in indices) + 2) // step) * step
    tokens = np.full((len(indices), length), Vocabulary.pad, dtype=np.int64)
    for row, index in zip(tokens, indices, strict=True):
        label = dataset.tokens[index]
        row[0] = Vocabulary.bos
        row[1 : len(label) + 1] = label
        row[len(label) + 1] = Vocabulary.eos
    return torch.from_numpy(tokens)
