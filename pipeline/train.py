"""Shards to a trained model.

reads   data/bucket/                          shards, shapes, dataset hash
        data/tokenize/vocabulary.json
        <train.start>/                        a checkpoint, where the training goes on from one
writes  data/train/model.safetensors, checkpoint.json
        data/train/log.jsonl, samples.jsonl   losses and scores, and what was read in a few images, by samples seen
        reports/train/                        the learning curves, for `dvc plots`
        <state>/train/<key>/                  state of the run, and its checkpoints last/ and best/: training_state.py
        <cache>/tensorboard/, <cache>/wandb/  where train.logs asks for them

DVC deletes outputs before a run and takes exit 0 for done. So outputs are written by a finished run only, a stopped
one exits 1, and its state waits in IM2LATEX_STATE, else the cache, where the next `dvc repro` finds it. The state of a
finished run stays there until DVC has recorded its outputs. `--as-it-is` writes the outputs of a stopped run, whose
state stays, so that it may still go on; `make accept-stopped` has DVC record them. Of several
processes, started by `devices` or by `torchrun -m pipeline.train`, only the first writes.
"""

import hashlib
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import typer
from dvclive.live import Live
from scmrepo.exceptions import SCMError

from im2latex.config import load_section, load_yaml
from im2latex.dataset.shards import read_dataset
from im2latex.dataset.vocabulary import Vocabulary
from im2latex.errors import UsageError
from im2latex.training.checkpoint import save_checkpoint
from im2latex.training.config import TrainParams
from im2latex.training.devices import is_first_process
from im2latex.training.finetune import Pretrained, open_pretrained
from im2latex.training.loggers import Logger, open_loggers
from im2latex.training.loop import in_words, quiet, train
from im2latex.training.metrics_log import MetricsLog
from im2latex.training.run import DivergedRunError
from im2latex.training.state import FORMAT, InterruptedRunError
from im2latex.training.validation import ValidationExample
from pipeline.paths import DATA, REPORTS, cache_root, state_root
from pipeline.stage import Stage, StageRun
from pipeline.training_state import locked, note_outputs, take_up

SHARDS = DATA / "bucket"
VOCABULARY = DATA / "tokenize" / "vocabulary.json"
CURVES = REPORTS / "train"

AS_IT_IS = "--as-it-is"

LogRow = dict[str, float]


class TrainingLog:
    """The rows a run has logged, kept beside its state so that a resumed run has one whole curve.

    Without `keep` new rows are in `rows` only: those of a run that is taken as it is, and may still go on.
    """

    def __init__(self, path: Path, sinks: Sequence[Logger] = (), keep: bool = True) -> None:
        self._journal, self.sinks = MetricsLog(path), sinks
        self._keep = keep
        self._more: list[LogRow] = []

    @property
    def rows(self) -> list[LogRow]:
        """All rows so far; rows of steps that are done again are replaced."""
        first = self._more[0]["samples"] if self._more else float("inf")
        return [*(row for row in self._journal.rows if row["samples"] < first), *self._more]

    def __call__(self, row: LogRow) -> None:
        """Add a row and tell every sink."""
        if self._keep:
            self._journal.add([row])
        else:
            self._more.append(row)
        for sink in self.sinks:
            sink.row(row)
        say(in_words(row))

    def text(self) -> str:
        """All rows, one JSON object a line."""
        return "".join(json.dumps(row) + "\n" for row in self.rows)


def say(text: str) -> None:
    """Print a line; a terminal or a pipe that has gone ends no training."""
    with suppress(OSError):
        typer.echo(text)


def state_folder(params: TrainParams, dataset: str, start: Pretrained | None = None) -> Path:
    """Where the state of exactly this run lives: same data, same parameters, same first weights, same format.

    Code is not in the key: a run goes on with repaired code, and in another checkout.
    """
    first = start.weights if start else None
    key = json.dumps([params.deciding(), dataset, first, FORMAT])
    return state_root() / "train" / hashlib.sha256(key.encode()).hexdigest()[:32]


def work(run: StageRun[TrainParams], as_it_is: bool = False) -> None:
    """Train to the end of the budget, go on with a run that was stopped, or take that one as it is."""
    dataset = read_dataset(SHARDS)
    vocabulary = Vocabulary.load(VOCABULARY)
    start = open_pretrained(run.params.start) if run.params.start else None
    if start:
        typer.echo(start.in_words(vocabulary))
    state = state_folder(run.params, dataset["hash"], start)
    with locked(state, say):
        if not as_it_is:
            take_up(state, say)
        shutil.rmtree(run.out, ignore_errors=True)  # what another training, now ended, has left of its outputs
        _train(run, dataset, vocabulary, state, start, as_it_is)
        if not as_it_is:
            note_outputs(state)


def _train(
    run: StageRun[TrainParams],
    dataset: Mapping[str, Any],
    vocabulary: Vocabulary,
    state: Path,
    start: Pretrained | None,
    as_it_is: bool,
) -> None:
    """Train in the folder `state` and write the outputs."""
    log, readings = TrainingLog(state / "log.jsonl", keep=not as_it_is), MetricsLog(state / "samples.jsonl")
    log.sinks = open_loggers(run.params.logs, cache_root(), state.name[:12], run.params.deciding(), log.rows)

    def show(seen: int, found: list[ValidationExample]) -> None:
        if not as_it_is:
            readings.add([_readable(seen, reading, vocabulary) for reading in found])

    finished = None
    try:
        checkpoint = train(
            run.params, SHARDS, vocabulary, dataset["hash"], state, log, say, show, start, as_it_is=as_it_is
        )
        save_checkpoint(replace(checkpoint, images=_images()), run.out)
        finished = run.out
    finally:
        for sink in log.sinks:
            sink.close(finished)
    (run.out / "log.jsonl").write_text(log.text(), encoding="utf-8")
    (run.out / "samples.jsonl").write_text(readings.text(), encoding="utf-8")
    _draw_curves(log.rows)
    run.outputs.append(CURVES)
    run.facts["dataset"] = dataset["hash"]
    run.facts["counts"] = checkpoint.counts
    run.facts["started_from"] = [asdict(ancestor) for ancestor in checkpoint.started_from]
    if checkpoint.counts["samples"] < checkpoint.counts["sample_budget"] and as_it_is:
        run.facts["accepted_as_it_is"] = True
    run.ledger.add_seen(dataset["samples"]["train"])
    run.ledger.add_kept(dataset["samples"]["train"])


def follow() -> None:
    """What every process but the first does: compute with it, and leave writing and speaking to it."""
    params = load_section("train", TrainParams)
    dataset = read_dataset(SHARDS)["hash"]
    start = open_pretrained(params.start) if params.start else None
    state = state_folder(params, dataset, start)
    # All processes are stopped together; a failure of this one would have the first killed before it has spoken.
    with suppress(InterruptedRunError, DivergedRunError):
        train(params, SHARDS, Vocabulary.load(VOCABULARY), dataset, state, quiet, start=start)


def _images() -> dict[str, int]:
    """The settings that made the data set's images, as a checkpoint notes them; deps of the stage by name."""
    render = load_yaml(Path("params.yaml"))["render"]
    return {"dpi": render["renderer"]["dpi"], **render["image"]}


def _readable(seen: int, reading: ValidationExample, vocabulary: Vocabulary) -> dict[str, object]:
    """A row of samples.jsonl."""
    texts = {name: " ".join(vocabulary.decode(ids)) for name, ids in reading._asdict().items() if name != "formula_id"}
    return {"samples": seen, "id": reading.formula_id, **texts}


class _Curves(Live):
    """DVCLive's files alone; it also asks git for the last commit, and a new repository has none."""

    def _init_dvc(self) -> None:
        with suppress(SCMError):
            super()._init_dvc()


def _draw_curves(rows: list[LogRow]) -> None:
    """Hand the log to DVCLive, whose files `dvc plots` and `dvc exp show` know."""
    shutil.rmtree(CURVES, ignore_errors=True)
    with _Curves(str(CURVES), dvcyaml=None, save_dvc_exp=False, monitor_system=False) as live:
        for row in rows:
            live.step = int(row["samples"])
            for name, value in row.items():
                if name != "samples":
                    live.log_metric(name, value, timestamp=False)
            live.make_summary()


def check_saved(params: TrainParams) -> None:
    """Raise `UsageError` where there is no saved run to take as it is."""
    start = open_pretrained(params.start) if params.start else None
    state = state_folder(params, read_dataset(SHARDS)["hash"], start)
    if not (state / "state.pt").is_file():
        raise UsageError(f"{state}: holds no stopped training of these data and params; run `dvc repro train`")


STAGE = Stage(
    "train",
    TrainParams,
    work,
    ("torch", "numpy", "lightning-fabric"),
    options={AS_IT_IS: "write the outputs of the stopped training as it is; its state stays"},
)

if __name__ == "__main__":
    if AS_IT_IS in sys.argv[1:]:
        replace(STAGE, work=partial(work, as_it_is=True), check=check_saved).main()
    elif is_first_process():
        STAGE.main()
    else:
        follow()
