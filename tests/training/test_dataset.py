from pathlib import Path

import numpy as np
import pytest

from im2latex.dataset.buckets import save_shapes
from im2latex.dataset.vocabulary import Vocabulary
from im2latex.errors import ArtifactError
from im2latex.images.decode import decode_png
from im2latex.training.dataset import MemoryMappedDataset
from tests.toy_fixtures import LETTERS, SHAPES, draw, write_split


def test_many_images_are_decoded_in_order(tmp_path: Path, vocabulary: Vocabulary) -> None:
    words = ["".join(LETTERS[int(digit)] for digit in f"{number:o}" if digit < "6") or "a" for number in range(600)]
    write_split(tmp_path / "train", words, vocabulary)
    save_shapes(SHAPES, tmp_path / "buckets.json")
    samples = MemoryMappedDataset(tmp_path, "train")
    for index in (0, 255, 256, 511, 599):
        assert np.array_equal(samples.array(index), decode_png(draw(words[index])))


def test_a_sample_too_large_for_its_shape_is_refused(shards: Path, tmp_path: Path) -> None:
    (tmp_path / "train").symlink_to(shards / "train")
    save_shapes(np.array([[16, 32, 4], [16, 32, 4]]), tmp_path / "buckets.json")
    with pytest.raises(ArtifactError, match="does not fit"):
        MemoryMappedDataset(tmp_path, "train")
