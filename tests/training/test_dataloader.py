from pathlib import Path
from typing import get_args

import pytest
import torch

from im2latex.training.batches import BatchParams, Epochs, Samples, plan
from im2latex.training.dataloader import Feed, Resident, Way

PARAMS = BatchParams(max_images=4, max_pixels=5000, max_tokens=1000)
HERE = torch.device("cpu")


def build(samples: Samples, way: Way | None) -> Feed:
    return Feed(samples, Epochs(samples, PARAMS, seed=1), HERE, 1, way)


def place_of(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("way", get_args(Way))
def test_every_way_gives_the_same_tensors(shards: Path, way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = Samples(shards, "train")
    plain, feed = build(samples, "collated"), build(samples, way)
    monkeypatch.setattr(feed, "_half", 4000)  # a few batches a part
    places = range(1, 3 * len(plan(samples, PARAMS)))
    for place in [*places, 1, places[-1]]:  # twice over epoch ends, then back as a run that undoes its steps
        expected, found = plain.batch(place, place_of(place)), feed.batch(place, place_of(place))
        assert torch.equal(found.images, expected.images)
        assert found.images.dtype == torch.uint8
        assert torch.equal(found.tokens, expected.tokens)
        assert found.ids == expected.ids
    expected, found = plain.batch(1, None), feed.batch(1, None)
    assert torch.equal(found.images, expected.images)


def test_a_part_holds_what_its_memory_holds(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = Samples(shards, "train")
    loaded: list[int] = []

    class Counted(Resident):
        def __init__(self, samples: Samples, device: torch.device, chosen: list[int]) -> None:
            super().__init__(samples, device, chosen)
            loaded.append(sum(samples.sizes[index][0] * samples.sizes[index][1] for index in chosen))

    monkeypatch.setattr("im2latex.training.dataloader.Resident", Counted)
    feed = build(samples, "parts")
    monkeypatch.setattr(feed, "_half", 4000)
    length = len(plan(samples, PARAMS))
    for place in range(2 * length):
        feed.batch(place, None)
    assert max(loaded) <= 4000
    assert len(loaded) < 2 * length
    assert sum(loaded) < 3 * len(samples.pixels), "two epochs, and the part ahead"


def test_the_way_follows_from_device_and_memory(shards: Path) -> None:
    samples = Samples(shards, "train")
    assert build(samples, None).way == "collated"
    meta = torch.device("meta")
    epochs = Epochs(samples, PARAMS, seed=1)
    assert Feed(samples, epochs, meta, 1).way == "whole"
    assert Feed(samples, epochs, meta, 0).way == "parts"
