from pathlib import Path

import numpy as np
import torch

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.training.collate import collate
from im2latex.training.dataset import MemoryMappedDataset
from im2latex.training.sampler import BatchParams, bucket_batches

PARAMS = BatchParams(max_images=4, max_pixels=5000, max_tokens=1000)


def test_collate_pads_images_and_marks_tokens(shards: Path) -> None:
    samples = MemoryMappedDataset(shards, "train")
    indices = bucket_batches(samples, PARAMS)[0]
    batch = collate(samples, indices)
    shape = samples.shapes[samples.bucket[indices[0]]]
    assert batch.images.shape == (len(indices), 1, shape.height, shape.width)
    assert batch.images.dtype == torch.uint8
    for row, index in enumerate(indices):
        assert batch.indices[row] == index
        kept = [token for token in batch.tokens[row].tolist() if token != Vocabulary.pad]
        assert kept == [Vocabulary.bos, *samples.label(index), Vocabulary.eos]
        height, width = samples.array(index).shape
        top, left = (shape.height - height) // 2, (shape.width - width) // 2
        assert np.array_equal(batch.images[row, 0, top : top + height, left : left + width], samples.array(index))
        assert (255 - batch.images[row].long()).sum() == (255 - samples.array(index)).sum()


def test_random_places_keep_the_whole_image(shards: Path) -> None:
    samples = MemoryMappedDataset(shards, "train")
    indices = bucket_batches(samples, PARAMS)[0]
    seen = set()
    for seed in range(20):
        images = collate(samples, indices, torch.Generator().manual_seed(seed)).images
        seen.add(images.numpy().tobytes())
        for row, index in enumerate(indices):
            assert (255 - images[row].long()).sum() == (255 - samples.array(index)).sum()
    assert len(seen) > 5


def test_places_are_drawn_one_after_the_other(shards: Path) -> None:
    samples = MemoryMappedDataset(shards, "train")
    indices = bucket_batches(samples, PARAMS)[0]
    shape, generator = samples.shapes[samples.bucket[indices[0]]], torch.Generator().manual_seed(4)
    images = collate(samples, indices, torch.Generator().manual_seed(4)).images
    for image, index in zip(images, indices, strict=True):
        height, width = samples.sizes[index]
        down, right = torch.rand(2, generator=generator).tolist()
        top, left = int(down * (shape.height - height + 1)), int(right * (shape.width - width + 1))
        assert np.array_equal(image[0, top : top + height, left : left + width], samples.array(index))
