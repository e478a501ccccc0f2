from pathlib import Path
from typing import get_args

import pytest
import torch

from im2latex.training.dataloader import BatchLoader, DeviceImageStore, Placement
from im2latex.training.dataset import MemoryMappedDataset
from im2latex.training.sampler import BatchParams, BucketBatchSampler, bucket_batches

PARAMS = BatchParams(max_images=4, max_pixels=5000, max_tokens=1000)
HERE = torch.device("cpu")


def build(samples: MemoryMappedDataset, placement: Placement | None, params: BatchParams = PARAMS) -> BatchLoader:
    return BatchLoader(samples, BucketBatchSampler(samples, params, seed=1), HERE, 1, placement)


def place_of(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("sampling", ["buckets", "uniform"])
@pytest.mark.parametrize("placement", get_args(Placement))
def test_placements_give_equal_tensors(
    shards: Path, placement: Placement, sampling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples, params = MemoryMappedDataset(shards, "train"), PARAMS.model_copy(update={"sampling": sampling})
    plain, feed = build(samples, "host", params), build(samples, placement, params)
    monkeypatch.setattr(feed, "_segment_bytes", 4000)  # a few batches per segment
    places = range(1, 3 * len(bucket_batches(samples, PARAMS)))
    for place in [*places, 1, places[-1]]:  # twice over epoch ends, then back as a run that undoes its steps
        expected, found = plain.batch(place, place_of(place)), feed.batch(place, place_of(place))
        assert torch.equal(found.images, expected.images)
        assert found.images.dtype == torch.uint8
        assert torch.equal(found.tokens, expected.tokens)
        assert found.indices == expected.indices
    expected, found = plain.batch(1, None), feed.batch(1, None)
    assert torch.equal(found.images, expected.images)


def test_a_segment_fits_its_memory(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = MemoryMappedDataset(shards, "train")
    loaded: list[int] = []

    class Counted(DeviceImageStore):
        def __init__(self, samples: MemoryMappedDataset, device: torch.device, chosen: list[int]) -> None:
            super().__init__(samples, device, chosen)
            loaded.append(sum(samples.sizes[index][0] * samples.sizes[index][1] for index in chosen))

    monkeypatch.setattr("im2latex.training.dataloader.DeviceImageStore", Counted)
    feed = build(samples, "segments")
    monkeypatch.setattr(feed, "_segment_bytes", 4000)
    length = len(bucket_batches(samples, PARAMS))
    for place in range(2 * length):
        feed.batch(place, None)
    assert max(loaded) <= 4000
    assert len(loaded) < 2 * length
    assert sum(loaded) < 3 * len(samples.pixels), "two epochs, and the part ahead"


def test_the_way_follows_from_device_and_memory(shards: Path) -> None:
    samples = MemoryMappedDataset(shards, "train")
    assert build(samples, None).placement == "host"
    meta = torch.device("meta")
    epochs = BucketBatchSampler(samples, PARAMS, seed=1)
    assert BatchLoader(samples, epochs, meta, 1).placement == "device"
    assert BatchLoader(samples, epochs, meta, 0).placement == "segments"
