from pathlib import Path

import numpy as np
import pytest

from im2latex.dataset.sharded_dataset import Sample, open_dataset, write_dataset
from im2latex.dataset.shards import ShardWriter, read_shards
from im2latex.dataset.vocabulary import SPECIALS, Vocabulary
from im2latex.errors import ArtifactError, InputError
from im2latex.training.dataset import MemoryMappedDataset
from tests.toy_fixtures import shards, vocabulary  # noqa: F401  fixtures


def test_samples_are_those_of_the_shards_in_order(shards: Path, tmp_path: Path) -> None:  # noqa: F811
    writer = ShardWriter(tmp_path, "val", 3)
    for table in read_shards(shards, "val"):
        writer.add(table)
    writer.close()
    whole, several = open_dataset(shards, "val"), open_dataset(str(tmp_path), "val")
    assert len(list((tmp_path / "val").iterdir())) > 1
    assert len(several) == len(whole) == 10
    assert list(several) == list(whole)
    assert several[-1] == several[9] == list(whole)[9]
    assert several[4].image.dtype == np.uint8
    np.testing.assert_array_equal(several[4].image, whole[4].image)
    assert repr(several) == "ShardedDataset('val', 10 samples)"
    with pytest.raises(IndexError):
        several[10]


def test_a_missing_split_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no split 'test'"):
        open_dataset(tmp_path, "test")


def test_samples_in_memory_become_shards_that_training_reads(tmp_path: Path) -> None:
    letters = Vocabulary([*SPECIALS, "a", "b"])
    images = np.random.default_rng(0).integers(0, 256, (3, 10, 20), dtype=np.uint8)
    train = [Sample("1", "a b", images[0]), Sample("2", "b", images[1][:, :12])]
    write_dataset({"train": train, "val": [Sample("3", "a a a", images[2])]}, letters, tmp_path)
    assert list(open_dataset(tmp_path)) == train
    np.testing.assert_array_equal(open_dataset(tmp_path)[1].image, train[1].image)
    samples = MemoryMappedDataset(tmp_path, "val")
    assert (list(samples.ids), list(samples.label(0))) == (["3"], [4, 4, 4])
    with pytest.raises(InputError):
        write_dataset({"train": []}, letters, tmp_path)
