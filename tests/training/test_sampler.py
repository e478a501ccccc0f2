from collections import Counter
from pathlib import Path

import numpy as np

from im2latex.training.collate import collate
from im2latex.training.dataset import MemoryMappedDataset
from im2latex.training.sampler import Batches, BatchParams, BucketBatchSampler, bucket_batches, padded_shape

PARAMS = BatchParams(max_images=4, max_pixels=5000, max_tokens=1000)


def test_an_epoch_holds_every_sample_once(shards: Path) -> None:
    samples = MemoryMappedDataset(shards, "train")
    epochs = BucketBatchSampler(samples, PARAMS, seed=1)
    length = len(bucket_batches(samples, PARAMS))
    for epoch in range(3):
        batches = [epochs[epoch * length + place] for place in range(length)]
        assert Counter(index for batch in batches for index in batch) == Counter(range(len(samples)))


def test_epochs_differ_and_repeat_from_the_seed(shards: Path) -> None:
    samples = MemoryMappedDataset(shards, "train")
    length = len(bucket_batches(samples, PARAMS))
    first, again, other = (BucketBatchSampler(samples, PARAMS, seed) for seed in (1, 1, 2))
    order = [first[place] for place in range(2 * length)]
    assert order[:length] != order[length:]
    assert order == [again[place] for place in range(2 * length)]
    assert order[:length] != [other[place] for place in range(length)]
    assert first[1] == order[1]


def test_batches_keep_to_the_budgets(shards: Path) -> None:
    samples = MemoryMappedDataset(shards, "train")
    for batch in bucket_batches(samples, PARAMS, [1]):
        shape = samples.shapes[samples.bucket[batch[0]]]
        assert len({samples.bucket[index] for index in batch}) == 1
        assert len(batch) <= 4
        assert len(batch) * shape.height * shape.width <= 5000
    tight = BatchParams(max_images=4, max_pixels=512, max_tokens=8)
    assert all(len(batch) == 1 for batch in bucket_batches(samples, tight))


def test_shuffled_batches_bring_labels_of_like_length_together(shards: Path) -> None:
    samples = MemoryMappedDataset(shards, "train")

    def padded(batches: Batches) -> int:
        return sum(len(batch) * samples.lengths[batch].max() for batch in batches)

    assert np.mean([padded(bucket_batches(samples, PARAMS, [seed])) for seed in range(20)]) < 0.95 * padded(
        bucket_batches(samples, PARAMS)
    )


def test_a_choice_of_samples_is_cut_likewise(shards: Path) -> None:
    samples = MemoryMappedDataset(shards, "train")
    batches = bucket_batches(samples, PARAMS, indices=[1, 4, 5, 17])
    assert sorted(index for batch in batches for index in batch) == [1, 4, 5, 17]


UNIFORM = PARAMS.model_copy(update={"sampling": "uniform"})


def test_uniform_epochs_hold_every_sample_once_in_any_order_of_access(shards: Path) -> None:
    samples = MemoryMappedDataset(shards, "train")
    tight = UNIFORM.model_copy(update={"max_images": 20, "max_pixels": 1600})
    lengths = [len(bucket_batches(samples, tight, [1, epoch])) for epoch in range(6)]
    assert len(set(lengths)) > 1, "the number of batches differs"
    epochs, start = BucketBatchSampler(samples, tight, seed=1), 0
    for length in lengths:
        batches = [epochs[start + place] for place in range(length)]
        assert Counter(index for batch in batches for index in batch) == Counter(range(len(samples)))
        start += length
    last = BucketBatchSampler(samples, tight, seed=1)[start - 1]
    assert last == epochs[start - 1] == batches[-1]
    assert epochs[0] == BucketBatchSampler(samples, tight, seed=1)[0]


def test_uniform_batches_mix_buckets_within_the_limits_and_pad_to_their_largest_image(shards: Path) -> None:
    samples = MemoryMappedDataset(shards, "train")
    batches = bucket_batches(samples, UNIFORM, [1])
    assert any(len({samples.bucket[index] for index in batch}) > 1 for batch in batches)
    for batch in batches:
        shape = padded_shape(samples, batch, UNIFORM)
        heights, widths = zip(*(samples.sizes[index] for index in batch), strict=True)
        assert max(heights) <= shape.height < max(heights) + 4
        assert max(widths) <= shape.width < max(widths) + 8
        assert len(batch) <= 4
        assert len(batch) * shape.height * shape.width <= 5000
        assert collate(samples, batch, shape=shape).images.shape[2:] == (shape.height, shape.width)
