"""A training as a program, for tests that signal it or start it several times: SHARDS RECIPE.json STATE OUT.

Prints its rows, one JSON object a line, and what it tells. After each row it waits while the file STATE/hold is there.
"""

import json
import sys
import time
from pathlib import Path

from im2latex.dataset.vocabulary import SPECIALS, Vocabulary
from im2latex.errors import Im2LatexError
from im2latex.learning.checkpoint import save_checkpoint
from im2latex.learning.devices import is_first_process
from im2latex.learning.loop import train
from im2latex.learning.recipe import TrainParams

LETTERS = "abcdef"


def run(shards: Path, recipe: Path, state: Path, out: Path) -> None:
    def log(row: dict[str, float]) -> None:
        sys.stdout.write(json.dumps(row) + "\n")
        sys.stdout.flush()
        while (state / "hold").exists():
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
