"""A training as a program, for tests that signal it or start it several times: SHARDS RECIPE.json STATE OUT DEVICES.

Where SIGNAL_AT_STEP is set, the second process sends itself SIGUSR1 within that step.

Prints its rows, one JSON object a line, and its messages. After each row it waits for a line of its input, if that is
open.
"""

import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from im2latex.dataset.vocabulary import SPECIALS, Vocabulary
from im2latex.errors import Im2LatexError
from im2latex.training.callbacks import Callback, MetricsRow
from im2latex.training.checkpoint import save_checkpoint
from im2latex.training.config import TrainerParams, TrainParams
from im2latex.training.devices import process_rank
from im2latex.training.engine import TrainingEngine
from im2latex.training.trainer import Trainer
from im2latex.training.validation import ValidationExample

LETTERS = "abcdef"


class Printer(Callback):
    def on_validation(self, row: MetricsRow, examples: Sequence[ValidationExample]) -> None:
        self.on_message(json.dumps(row))
        sys.stdin.readline()

    def on_message(self, text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def signal_at(step: int) -> None:
    train_step = TrainingEngine.train_step

    def signalling(self: TrainingEngine) -> None:
        if self.fabric.global_rank == 1 and self.state.step + 1 == step:
            os.kill(os.getpid(), signal.SIGUSR1)
        train_step(self)

    TrainingEngine.train_step = signalling  # type: ignore[method-assign]


def run(shards: Path, recipe: Path, state: Path, out: Path, devices: int) -> None:
    params = TrainParams.model_validate_json(recipe.read_text())
    settings = TrainerParams(accelerator="cpu", devices=devices)
    vocabulary = Vocabulary([*SPECIALS, *LETTERS])
    checkpoint = Trainer(params, shards, vocabulary, "data", state, settings=settings, callback=Printer()).fit()
    if process_rank() == 0:
        save_checkpoint(checkpoint, out)


if __name__ == "__main__":
    if "SIGNAL_AT_STEP" in os.environ:
        signal_at(int(os.environ["SIGNAL_AT_STEP"]))
    try:
        shards, recipe, state, out = map(Path, sys.argv[1:5])
        run(shards, recipe, state, out, int(sys.argv[5]))
    except Im2LatexError as error:
        sys.exit(str(error) if process_rank() == 0 else 0)
