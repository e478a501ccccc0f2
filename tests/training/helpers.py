"""A training of the toy dataset in this process, and a callback that records it."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.training.callbacks import Callback, MetricsRow
from im2latex.training.checkpoint import Checkpoint
from im2latex.training.config import TrainerParams, TrainParams
from im2latex.training.trainer import Trainer
from im2latex.training.validation import ValidationExample

CPU = TrainerParams(accelerator="cpu")


class Recorder(Callback):
    """Rows and messages of a training; `on_row` is called with each row."""

    def __init__(self, on_row: Callable[[MetricsRow], None] = lambda row: None) -> None:
        self.rows: list[MetricsRow] = []
        self.messages: list[str] = []
        self._on_row = on_row

    def on_validation(self, row: MetricsRow, examples: Sequence[ValidationExample]) -> None:
        self.rows.append(row)
        self._on_row(row)

    def on_message(self, text: str) -> None:
        self.messages.append(text)


def fit(
    params: TrainParams,
    shards: Path,
    vocabulary: Vocabulary,
    folder: Path,
    callback: Callback | None = None,
    settings: TrainerParams = CPU,
) -> Checkpoint:
    return Trainer(params, shards, vocabulary, "data", folder, settings=settings, callback=callback).fit()


def weights(checkpoint: Checkpoint) -> dict[str, torch.Tensor]:
    return dict(checkpoint.network.state_dict())


def assert_same_weights(one: Checkpoint, other: Checkpoint) -> None:
    for name, weight in weights(one).items():
        assert torch.equal(weight, weights(other)[name]), name
