"""A training as a program, for tests that signal it or start it several times: SHARDS RECIPE.json STATE OUT DEVICES.

Prints its rows, one JSON object a line, and its messages. After each row it waits for a line of its input, if that is
open.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from im2latex.dataset.vocabulary import SPECIALS, Vocabulary
from im2latex.errors import Im2LatexError
from im2latex.training.callbacks import Callback, MetricsRow
from im2latex.training.checkpoint import save_checkpoint
from im2latex.training.config import TrainerParams, TrainParams
from im2latex.training.devices import is_first_process
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


def run(shards: Path, recipe: Path, state: Path, out: Path, devices: int) -> None:
    params = TrainParams.model_validate_json(recipe.read_text())
    settings = TrainerParams(accelerator="cpu", devices=devices)
    vocabulary = Vocabulary([*SPECIALS, *LETTERS])
    checkpoint = Trainer(params, shards, vocabulary, "data", state, settings=settings, callback=Printer()).fit()
    if is_first_process():
        save_checkpoint(checkpoint, out)


if __name__ == "__main__":
    try:
        shards, recipe, state, out = map(Path, sys.argv[1:5])
        run(shards, recipe, state, out, int(sys.argv[5]))
    except Im2LatexError as error:
        sys.exit(str(error) if is_first_process() else 0)
