"""Images rendered into one file, and batches of those that are ready."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from im2latex.config import load_section
from im2latex.dataset.buckets import BucketParams
from im2latex.training.collate import collate
from im2latex.training.sampler import BatchParams
from recipes.gpu_10min import render
from recipes.gpu_10min.images import StreamingBatchLoader, StreamingDataset, ValidationDataset
from recipes.gpu_10min.labels import Labels
from tests.recipes.gpu_10min.conftest import SHAPES

BATCHES = BatchParams(max_images=4, max_pixels=10**6, max_tokens=10**6, tokens_step=32)
WORK = Path("images")


def samples(labels: Labels) -> StreamingDataset:
    WORK.mkdir(exist_ok=True)
    return StreamingDataset(labels, SHAPES, load_section("bucket", BucketParams), WORK, torch.device("cpu"))


def test_every_rendered_image_is_loaded_once(packed: Path, labels: Labels) -> None:
    render.main(Path("data"), WORK)
    found = samples(labels)
    numbers = found.update().tolist()
    assert sorted(numbers) == list(range(39)), "the last one is broken"
    assert found.num_rejected == 1
    assert not len(found.update())
    images = render.read_rows(WORK)
    assert sorted(images[:, 0].tolist()) == list(range(40 + 32)), "held-out labels are drawn once, all others twice"
    rows = {int(row[0]) % 40: row[1:] for row in images}
    pixels = np.fromfile(WORK / render.PIXELS, dtype=np.uint8)
    for number in numbers:
        start, height, width = rows[number].tolist()
        drawn = pixels[start : start + height * width].reshape(height, width)
        assert np.array_equal(found.array(number), drawn)
        assert found.sizes[number].tolist() == [height, width]
    ends = sorted((start, start + height * width) for _, start, height, width in images.tolist())
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(ends)), "none lies over another"


@pytest.mark.parametrize("cut", [1, 31, 33, 500])
def test_rendering_resumes_after_a_kill(packed: Path, labels: Labels, cut: int) -> None:
    render.main(Path("data"), WORK)
    whole = samples(labels)
    whole.update()
    rows = WORK / render.ROWS
    rows.write_bytes(rows.read_bytes()[:-cut])
    early = samples(labels)
    early.update()
    render.main(Path("data"), WORK)
    again = samples(labels)
    for found in (early, again):
        found.update()
        assert np.array_equal(found.sizes, whole.sizes)
        assert all(np.array_equal(found.array(number), whole.array(number)) for number in range(39))
    assert again.num_images == 39, "of each label the latest image"
    assert early.num_images >= 39, "images that came in two takes count twice"


def test_the_image_of_the_next_style_replaces_the_first(packed: Path, labels: Labels) -> None:
    render.main(Path("data"), WORK)
    rows = WORK / render.ROWS
    content = rows.read_bytes()
    rows.write_bytes(content[: 8 * render.COLUMNS * 40])
    found = samples(labels)
    assert len(found.update()) == 39
    before = list(found.starts)
    rows.write_bytes(content)
    assert len(found.update()) == 32
    assert all((found.starts[number] != before[number]) == (number < 32) for number in range(39))


def test_pixels_stay_within_the_capacity(packed: Path, labels: Labels, monkeypatch: pytest.MonkeyPatch) -> None:
    render.main(Path("data"), WORK)
    most = int(render.read_rows(WORK)[:20, 2:].prod(axis=1).sum())
    monkeypatch.setattr("recipes.gpu_10min.images.pixel_capacity", lambda device: most + 1)
    found = samples(labels)
    assert len(found.update()) == 20 - 1, "one of the first was not drawn"
    assert not len(found.update())


def test_batches_equal_those_of_collate(packed: Path, labels: Labels) -> None:
    render.main(Path("data"), WORK)
    found = samples(labels)
    batches = StreamingBatchLoader(found, BATCHES, seed=1)
    for place in range(6):
        batch = batches.batch(place, torch.Generator().manual_seed(place))
        expected = collate(found, batches.indices(place), torch.Generator().manual_seed(place), 32)
        assert torch.equal(batch.images, expected.images)
        assert torch.equal(batch.tokens, expected.tokens)
        assert batch.tokens.shape[1] % 32 == 0


def test_an_epoch_has_each_training_sample_once(packed: Path, labels: Labels) -> None:
    render.main(Path("data"), WORK)
    batches = StreamingBatchLoader(samples(labels), BATCHES, seed=1)
    assert batches.update() == 32
    seen = [index for place in range(7) for index in batches.indices(place)]
    assert len(seen) == len(set(seen))
    assert max(seen) < 32
    assert {len(batches.indices(place)) for place in range(7)} == {4}, "a shape has one size of batch"
    assert batches.indices(3) == batches.indices(3), "what was trained on can be looked at again"


def test_training_starts_with_the_images_that_are_ready(packed: Path, labels: Labels) -> None:
    render.main(Path("data"), WORK)
    path = WORK / render.ROWS
    content = path.read_bytes()
    size = 8 * render.COLUMNS
    held_out_first = 8
    path.write_bytes(content[: size * (held_out_first + 3)])
    batches = StreamingBatchLoader(samples(labels), BATCHES, seed=1)
    assert 0 < batches.update() <= 3
    first = set(batches.indices(0))
    path.write_bytes(content)
    later = {index for place in range(1, 60) for index in batches.indices(place)}
    assert first < later
    assert len(later) > 25


def test_validation_dataset(packed: Path, labels: Labels) -> None:
    render.main(Path("data"), WORK)
    found = samples(labels)
    found.update()
    held_out = ValidationDataset(found)
    assert held_out.ids == [str(number) for number in range(32, 39)]
    assert np.array_equal(held_out.array(2), found.array(34))
    assert list(held_out.label(0)) == list(labels[32])
