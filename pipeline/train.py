"""Shards to a trained model.

reads   data/bucket/                          shards, shapes, dataset hash
        data/tokenize/vocabulary.json
writes  data/train/model.safetensors, checkpoint.json, log.jsonl
        reports/train/                        the learning curves, for `dvc plots`
        <cache>/train/<key>/                  state of an unfinished run, and its checkpoints last/ and best/

DVC deletes outputs before a run and takes exit 0 for done. So outputs are written by a finished run only, a stopped
one exits 1, and its state waits in the cache, where the next `dvc repro` finds it. Of several processes, started by
`devices` or by `torchrun -m pipeline.train`, only the first writes.
"""

import hashlib
import json
import shutil
from contextlib import suppress
from pathlib import Path

import typer
from dvclive.live import Live

from im2latex.dataset.shards import read_dataset
from im2latex.dataset.vocabulary import Vocabulary
from im2latex.learning.checkpoint import save_checkpoint
from im2latex.learning.devices import is_first_process
from im2latex.learning.loop import in_words, quiet, train
from im2latex.learning.recipe import TrainParams
from im2latex.learning.run import DivergedRunError
from im2latex.learning.state import InterruptedRunError
from im2latex.params import load_section
from pipeline.fingerprint import fingerprint
from pipeline.stage import DATA, REPORTS, Run, cache_root, run_stage

SHARDS = DATA / "bucket"
VOCABULARY = DATA / "tokenize" / "vocabulary.json"
CURVES = REPORTS / "train"

LogRow = dict[str, float]


class TrainingLog:
    """The rows a run has logged, kept beside its state so that a resumed run has one whole curve."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        self.rows: list[LogRow] = [json.loads(line) for line in lines]

    def __call__(self, row: LogRow) -> None:
        """Add a row; rows of steps that are done again are replaced."""
        self.rows = [*(old for old in self.rows if old["samples"] < row["samples"]), row]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(self.text(), encoding="utf-8")
        typer.echo(in_words(row))

    def text(self) -> str:
        """All rows, one JSON object a line."""
        return "".join(json.dumps(row) + "\n" for row in self.rows)


def state_folder(params: TrainParams, dataset: str) -> Path:
    """Where the state of exactly this run lives: same data, same parameters, same code."""
    key = json.dumps([params.model_dump(mode="json"), dataset, fingerprint("im2latex.learning.loop")])
    return cache_root() / "train" / hashlib.sha256(key.encode()).hexdigest()[:32]


def work(run: Run[TrainParams]) -> None:
    """Train to the end of the budget, or go on with a run that was stopped."""
    dataset = read_dataset(SHARDS)
    vocabulary = Vocabulary.load(VOCABULARY)
    state = state_folder(run.params, dataset["hash"])
    log = TrainingLog(state / "log.jsonl")
    checkpoint = train(run.params, SHARDS, vocabulary, dataset["hash"], state, log, typer.echo)
    save_checkpoint(checkpoint, run.out)
    (run.out / "log.jsonl").write_text(log.text(), encoding="utf-8")
    _draw_curves(log.rows)
    run.outputs.append(CURVES)
    run.facts["dataset"] = dataset["hash"]
    run.facts["counts"] = checkpoint.counts
    run.ledger.see(dataset["samples"]["train"])
    run.ledger.keep(dataset["samples"]["train"])
    shutil.rmtree(state)


def follow() -> None:
    """What every process but the first does: compute with it, and leave writing and speaking to it."""
    params = load_section("train", TrainParams)
    dataset = read_dataset(SHARDS)["hash"]
    # All processes are stopped together; a failure of this one would have the first killed before it has spoken.
    with suppress(InterruptedRunError, DivergedRunError):
        train(params, SHARDS, Vocabulary.load(VOCABULARY), dataset, state_folder(params, dataset), quiet)


def _draw_curves(rows: list[LogRow]) -> None:
    """Hand the log to DVCLive, whose files `dvc plots` and `dvc exp show` know."""
    shutil.rmtree(CURVES, ignore_errors=True)
    with Live(str(CURVES), dvcyaml=None, save_dvc_exp=False, monitor_system=False) as live:
        for row in rows:
            live.step = int(row["samples"])
            for name, value in row.items():
                if name != "samples":
                    live.log_metric(name, value, timestamp=False)
            live.make_summary()


if __name__ == "__main__":
    if is_first_process():
        run_stage("train", TrainParams, work, ("torch", "numpy", "lightning-fabric"))
    else:
        follow()
