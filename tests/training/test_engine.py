from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric
from torch import nn

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.training.collate import Batch, collate
from im2latex.training.config import TrainParams
from im2latex.training.dataset import MemoryMappedDataset
from im2latex.training.engine import DivergedRunError, TrainingEngine
from im2latex.training.trainer import Trainer
from im2latex.training.validation import Validation

Values = dict[str, object]


def make(values: dict[str, Values], shards: Path, vocabulary: Vocabulary, folder: Path) -> TrainingEngine:
    """An engine with plain arithmetic: SGD, nothing drawn but the weights, running statistics in the batch norms."""
    for part in ("encoder", "decoder"):
        values["model"][part] = {**values["model"][part], "dropout": 0.0}  # type: ignore[dict-item]
    values["optimizer"] |= {"hidden": "sgd", "others": "sgd", "momentum": 0.0, "weight_decay": 0.0}
    values["augmentation"] = {"contrast": 0.0, "brightness": 0.0, "noise": 0.0}
    params = TrainParams.model_validate({**values, "clip_norm": 1e9})
    engine = TrainingEngine(
        Fabric(accelerator="cpu"), params, MemoryMappedDataset(shards, "train"), vocabulary, "data", folder
    )
    engine.state.total = 1000
    for module in engine.network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    return engine


def trainer_of(engine: TrainingEngine, shards: Path) -> Trainer:
    trainer = Trainer(engine.params, shards, engine.vocabulary, "data", engine.folder)
    trainer.engine = engine
    return trainer


def centred(samples: MemoryMappedDataset, indices: list[int], *_: object) -> Batch:
    return collate(samples, indices)


class FixedBatches(list[list[int]]):
    """A sampler with these batches."""

    def shape(self, indices: list[int]) -> None:
        """That of the bucket."""


def test_accumulated_batches_are_one_large_batch(
    values: dict[str, Values],
    shards: Path,
    vocabulary: Vocabulary,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("im2latex.training.dataloader.collate", centred)
    short = [index for index, bucket in enumerate(MemoryMappedDataset(shards, "train").bucket) if bucket == 0][:5]
    gradients = []
    for batches in (FixedBatches([short]), FixedBatches([short[:2], short[2:]])):
        monkeypatch.setattr("im2latex.training.engine.BucketBatchSampler", lambda *_, batches=batches: batches)
        engine = make({**values, "gradient_accumulation": len(batches)}, shards, vocabulary, tmp_path)  # type: ignore[dict-item]
        engine.train_step()
        assert engine.state.seen == 5
        gradients.append([weight.grad for weight in engine.network.parameters()])
    for one, several in zip(*gradients, strict=True):
        torch.testing.assert_close(several, one, atol=1e-6, rtol=1e-4)


def test_gradients_are_clipped_to_a_norm(
    values: dict[str, Values], shards: Path, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    engine = make(values, shards, vocabulary, tmp_path)
    engine.params = engine.params.model_copy(update={"clip_norm": 0.01})
    engine.train_step()
    gradients = [weight.grad for weight in engine.network.parameters() if weight.grad is not None]
    norm = torch.stack([gradient.square().sum() for gradient in gradients]).sum().sqrt()
    torch.testing.assert_close(norm, torch.tensor(0.01), atol=1e-5, rtol=0)


def test_a_loss_far_above_the_median_stops_the_run_and_its_batch_is_saved(
    values: dict[str, Values], shards: Path, vocabulary: Vocabulary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("im2latex.training.engine.BucketBatchSampler", lambda *_: FixedBatches([[0], [1], [2]]))
    engine = make({**values, "loss_spike_factor": 10}, shards, vocabulary, tmp_path)  # type: ignore[dict-item]
    engine.state.loss_monitor.check([[0.01, 0.01]] * 50, 0)
    engine.state.step = 1
    engine.train_step()
    name = engine.dataset.ids[1]
    with pytest.raises(DivergedRunError, match=f"more than 10 times the median 0.01 at step 1, .*{name}"):
        trainer_of(engine, shards).save()
    assert torch.load(tmp_path / "bad_batch.pt", weights_only=True)["ids"] == [name]
    assert not (tmp_path / "state.pt").exists(), "a ruined state is not saved"


def test_losses_are_checked_together(
    values: dict[str, Values], shards: Path, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    engine = make(values, shards, vocabulary, tmp_path)
    for _ in range(19):
        engine.train_step()
    assert len(engine.state.loss_monitor.pending) == 19
    engine.train_step()
    assert engine.state.loss_monitor.pending == []
    assert len(engine.state.loss_monitor.losses) == 20


def test_only_a_validation_that_counts_starts_a_new_row(
    values: dict[str, Values], shards: Path, vocabulary: Vocabulary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Validation, "score", lambda *_: {"val_loss": 1.0})
    engine = make(values, shards, vocabulary, tmp_path)
    validation = Validation(engine.dataset, 1, engine.params.batches)
    engine.train_step()
    trainer = trainer_of(engine, shards)
    trainer._validation = validation
    row = engine.evaluate(validation)
    assert engine.state.loss_monitor.losses != []
    trainer._validate()
    assert engine.evaluate(validation).items() < row.items(), "no loss since the validation"
    assert engine.state.early_stopping.best == 1.0
