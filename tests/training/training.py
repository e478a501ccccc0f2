"""A training as a program, for tests that signal it or start it several times: SHARDS RECIPE.json STATE OUT.

Prints its rows, one JSON object a line, and what it tells. A row of as many samples as the file STATE/hold says, or
more, is a place where it waits.
"""

import json
import sys
import time
from pathlib import Path

from im2latex.dataset.vocabulary import SPECIALS, Vocabulary
from im2latex.errors import Im2LatexError
from im2latex.training.checkpoint import save_checkpoint
from im2latex.training.config import TrainParams
from im2latex.training.devices import is_first_process
from im2latex.training.loop import train

LETTERS = "abcdef"


def held(hold: Path, samples: float) -> bool:
    return hold.exists() and samples >= int(hold.read_text() or 0)


def run(shards: Path, recipe: Path, state: Path, out: Path) -> None:
    def log(row: dict[str, float]) -> None:
        sys.stdout.write(json.dumps(row) + "\n")
        sys.stdout.flush()
        while held(state / "hold", row["samples"]):
            time.sleep(0.01)

    def tell(text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    params = TrainParams.model_validate_json(recipe.read_text())
    checkpoint = train(params, shards, Vocabulary([*SPECIALS, *LETTERS]), "data", state, log, tell)
    if is_first_process():
        save_checkpoint(checkpoint, out)


if __name__ == "__main__":
    try:
        run(*map(Path, sys.argv[1:]))
    except Im2LatexError as error:
        sys.exit(str(error) if is_first_process() else 0)
