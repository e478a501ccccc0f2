from pathlib import Path

import pyarrow as pa
import pytest

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.inference.predict import PredictParams, predict
from im2latex.models.model import ModelParams, Network
from im2latex.schemas import PREDICTIONS
from im2latex.training.checkpoint import Checkpoint, save_checkpoint
from im2latex.training.collate import Shape
from im2latex.training.dataset import InMemoryDataset
from im2latex.training.sampler import BatchParams

BATCHES = BatchParams(max_images=3, max_pixels=10_000, max_tokens=100)


@pytest.fixture
def checkpoint(network: Network, model: ModelParams, vocabulary: Vocabulary) -> Checkpoint:
    shapes = [Shape(16, 32, 4), Shape(32, 64, 8)]
    return Checkpoint(network, model, vocabulary, shapes, "a1", {}, {})


@pytest.mark.parametrize("width", [1, 2])
def test_one_row_a_sample_whatever_the_batches(
    checkpoint: Checkpoint, shards: Path, tmp_path: Path, width: int
) -> None:
    save_checkpoint(checkpoint, tmp_path)
    params = PredictParams(batches=BATCHES, beam=width, device="cpu")
    rows = list(predict(tmp_path, shards, "val", params))
    pa.Table.from_pylist(rows, schema=PREDICTIONS)
    samples = InMemoryDataset(shards, "val")
    assert sorted(row["formula_id"] for row in rows) == sorted(samples.ids)  # type: ignore[type-var]
    assert {row["reference"] for row in rows} == set(samples.latex)
    alone = params.model_copy(update={"batches": BATCHES.model_copy(update={"max_images": 1})})
    found = {row["formula_id"]: row["hypothesis"] for row in rows}
    for row in predict(tmp_path, shards, "val", alone):
        assert row["hypothesis"] == found[row["formula_id"]]


def test_blank_images_of_one_shape_all_read_the_same(checkpoint: Checkpoint, shards: Path, tmp_path: Path) -> None:
    save_checkpoint(checkpoint, tmp_path)
    rows = list(predict(tmp_path, shards, "val", PredictParams(batches=BATCHES, beam=1, device="cpu"), blank=True))
    assert {row["input"] for row in rows} == {"blank"}
    assert len({row["hypothesis"] for row in rows}) <= 2
    assert len(rows) == 10
