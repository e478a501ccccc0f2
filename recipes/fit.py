"""Train on the shards of this folder, or go on with a run that was stopped: python -m recipes.fit STATE

reads   params.yaml, data/bucket/, data/tokenize/vocabulary.json, the checkpoint that train.start names
writes  data/train/                 the checkpoint, when the budget is spent
        STATE/state.pt              the state of an unfinished run
        STATE/curve.jsonl           losses and scores by samples seen, with the seconds of this process

The same training as `pipeline.train`, without DVCLive, which asks for more packages than all the rest.
"""

import json
import sys
import time
from pathlib import Path

import typer

from im2latex.config import load_section
from im2latex.dataset.shards import read_dataset
from im2latex.dataset.vocabulary import Vocabulary
from im2latex.errors import Im2LatexError
from im2latex.training.checkpoint import save_checkpoint
from im2latex.training.config import TrainParams
from im2latex.training.finetune import load_start
from im2latex.training.loop import train
from pipeline.stage import DATA


def main(state: Path) -> None:
    """Train to the end of the budget; exits 1 with the state kept where a signal comes first."""
    params = load_section("train", TrainParams)
    shards = DATA / "bucket"
    started = time.monotonic()
    state.mkdir(parents=True, exist_ok=True)

    def log(row: dict[str, float]) -> None:
        line = json.dumps(row | {"seconds": round(time.monotonic() - started, 1)})
        with (state / "curve.jsonl").open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")
        typer.echo(line)

    try:
        vocabulary = Vocabulary.load(DATA / "tokenize" / "vocabulary.json")
        start = load_start(params.start) if params.start else None
        checkpoint = train(params, shards, vocabulary, read_dataset(shards)["hash"], state, log, start=start)
    except Im2LatexError as error:
        typer.echo(f"fit: {error}", err=True)
        sys.exit(error.exit_code)
    save_checkpoint(checkpoint, DATA / "train")


if __name__ == "__main__":
    typer.run(main)
