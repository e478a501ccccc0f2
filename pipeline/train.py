"""Shards to a trained model.

reads   data/bucket/                          shards, shapes, dataset hash
        data/tokenize/vocabulary.json
        <train.init_from>/                    a checkpoint, where weights are initialized from one
writes  data/train/model.safetensors, checkpoint.json
        data/train/log.jsonl, samples.jsonl   losses and scores, and a few predictions, by samples seen
        reports/train/                        the learning curves, for `dvc plots`
        <state>/train/<run>/                  state and checkpoints of the run: run_folders.py, training_state.py
        <cache>/tensorboard/, <cache>/wandb/  where trainer.loggers enables them

DVC deletes outputs before a run and takes exit 0 for success. So only a finished run writes outputs, a stopped one
exits 1, and its state stays in IM2LATEX_STATE, else the cache, where the next `dvc repro` finds it. The state of a
finished run stays there until DVC has recorded its outputs. `--as-it-is` writes the outputs of a stopped run, whose
state stays, so that it can be resumed; `make accept-stopped` lets DVC record them. Of several processes, started by
`trainer.devices` or by `torchrun -m pipeline.train`, only that of rank 0 writes.

The section `trainer` is no dependency of the stage: another machine, logger or interval of saving never trains again.
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

from im2latex.config import load_section, load_yaml, project_section
from im2latex.dataset.shards import read_dataset
from im2latex.dataset.vocabulary import Vocabulary
from im2latex.errors import Im2LatexError, UsageError
from im2latex.io.project_cache import state_root
from im2latex.training.callbacks import Callback, MetricsRow, format_row
from im2latex.training.checkpoint import save_checkpoint
from im2latex.training.config import TrainerParams, TrainParams, is_clock_bound, sample_limit
from im2latex.training.devices import process_rank
from im2latex.training.engine import DivergedRunError, TrainingEngine
from im2latex.training.finetune import Pretrained
from im2latex.training.loggers import MetricsLog
from im2latex.training.run_folders import locked
from im2latex.training.state import FORMAT, InterruptedRunError
from im2latex.training.trainer import Trainer
from im2latex.training.validation import Validation, ValidationExample
from pipeline.init_from import check_init_from, find_pretrained
from pipeline.paths import DATA, REPORTS
from pipeline.stage import Stage, StageRun
from pipeline.train_logging import RunLoggers
from pipeline.training_state import mark_finished, prepare

SHARDS = DATA / "bucket"
VOCABULARY = DATA / "tokenize" / "vocabulary.json"
CURVES = REPORTS / "train"

AS_IT_IS = "--as-it-is"


class StageCallback(Callback):
    """Logs rows and predictions beside the state, so that a resumed run has one whole curve.

    Without `save` new rows are in memory only: those of a run that is accepted as it is, and may be resumed.
    """

    def __init__(self, state: Path, vocabulary: Vocabulary, save: bool = True) -> None:
        self.metrics, self.examples = MetricsLog(state / "log.jsonl"), MetricsLog(state / "samples.jsonl")
        self.loggers: RunLoggers | None = None
        self._vocabulary, self._save = vocabulary, save
        self._unsaved: list[MetricsRow] = []

    @property
    def rows(self) -> list[MetricsRow]:
        """All rows so far; rows of steps that are repeated are replaced."""
        first = self._unsaved[0]["samples"] if self._unsaved else float("inf")
        return [*(row for row in self.metrics.rows if row["samples"] < first), *self._unsaved]

    def on_validation(self, row: MetricsRow, examples: Sequence[ValidationExample]) -> None:
        """Save the row and the predictions."""
        if self._save:
            self.metrics.add([row])
        else:
            self._unsaved.append(row)
        say(format_row(row))
        if self._save:
            seen = int(row["samples"])
            self.examples.add([_example_row(seen, example, self._vocabulary) for example in examples])

    def on_details(
        self, row: MetricsRow, measured: Mapping[str, float], validation: Validation, engine: TrainingEngine
    ) -> None:
        """Pass all to the loggers."""
        if self.loggers and (line := self.loggers.log(row, measured, validation, engine)):
            say(line)

    def on_message(self, text: str) -> None:
        """Print the line."""
        say(text)

    def text(self) -> str:
        """All rows, one JSON object a line."""
        return "".join(json.dumps(row) + "\n" for row in self.rows)


def say(text: str) -> None:
    """Print a line; a closed terminal or pipe ends no training."""
    with suppress(OSError):
        typer.echo(text)


def state_folder(params: TrainParams, dataset: str, pretrained: Pretrained | None = None) -> Path:
    """Folder of the state of runs with the same data, parameters, initial weights and format.

    Its name is that of the run: the preset, and a hash. The budget is not in the key: with a larger one a run
    continues. Nor is the code: a run continues with repaired code, and in another checkout.
    """
    weights = pretrained.weights if pretrained else None
    key = json.dumps([params.state_key(), dataset, weights, FORMAT])
    return state_root() / "train" / f"{params.preset or 'model'}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"


def work(run: StageRun[TrainParams], as_it_is: bool = False) -> None:
    """Train to the end of the budget, resume a run that was stopped, or accept that one as it is."""
    dataset = read_dataset(SHARDS)
    vocabulary = Vocabulary.load(VOCABULARY)
    pretrained = find_pretrained(run.params)
    if pretrained:
        typer.echo(pretrained.describe(vocabulary))
    state = state_folder(run.params, dataset["hash"], pretrained)
    budget = run.params.budget.model_dump(mode="json")
    with locked(state, say):
        if not as_it_is:
            limit = sample_limit(run.params.budget, dataset["samples"]["train"])
            prepare(state, budget, limit, say, pretrained.folder if pretrained else None)
        shutil.rmtree(run.out, ignore_errors=True)  # outputs of another training, which has ended meanwhile
        samples = _train(run, dataset, vocabulary, state, pretrained, as_it_is)
        if not as_it_is:
            mark_finished(state, budget, samples)


def _train(
    run: StageRun[TrainParams],
    dataset: Mapping[str, Any],
    vocabulary: Vocabulary,
    state: Path,
    pretrained: Pretrained | None,
    as_it_is: bool,
) -> int:
    """Train in the folder `state` and write the outputs; returns the samples that the run has seen."""
    settings = project_section(TrainerParams, "trainer")
    callback = StageCallback(state, vocabulary, save=not as_it_is)
    config = run.params.model_dump(mode="json")
    loggers = callback.loggers = RunLoggers(settings.loggers, state, config, callback.rows)
    trainer = Trainer(
        run.params,
        SHARDS,
        vocabulary,
        dataset["hash"],
        state,
        settings=settings,
        pretrained=pretrained,
        callback=callback,
        images=_image_settings(),
    )
    finished, seen = None, 0
    try:
        checkpoint = trainer.validate() if as_it_is else trainer.fit()
        save_checkpoint(checkpoint, run.out)
        finished, seen = run.out, checkpoint.counts["samples"]
    except InterruptedRunError as error:
        raise InterruptedRunError(f"{error}; to record it as it is: make accept-stopped") from None
    finally:
        loggers.finalize(finished, seen)
    (run.out / "log.jsonl").write_text(callback.text(), encoding="utf-8")
    (run.out / "samples.jsonl").write_text(callback.examples.text(), encoding="utf-8")
    counts, size = trainer.engine.state.counts, dataset["samples"]["train"]  # of the best weights, there may be fewer
    clock_bound = is_clock_bound(run.params.budget, counts["sample_budget"], size)
    _draw_curves(callback.rows, clock_bound)
    run.outputs.append(CURVES)
    run.facts["dataset"] = dataset["hash"]
    run.facts["counts"] = checkpoint.counts
    run.facts["run"] = counts
    if trainer.engine.stopped_early and trainer.engine.budget_used < 1:
        run.facts["stopped_early"] = True
    run.facts["started_from"] = [asdict(ancestor) for ancestor in checkpoint.started_from]
    if trainer.earlier_budgets:
        run.facts["earlier_budgets"] = trainer.earlier_budgets
    if clock_bound:
        run.facts["clock_bound"] = True
    if counts["samples"] < counts["sample_budget"] and as_it_is:
        run.facts["accepted_as_it_is"] = True
    run.ledger.add_seen(size)
    run.ledger.add_kept(size)
    return counts["samples"]


def follow() -> None:
    """Run a process whose rank is not 0: it computes, and leaves files and messages to the first."""
    try:
        params = load_section("train", TrainParams)
        dataset = read_dataset(SHARDS)["hash"]
        pretrained = find_pretrained(params)
        state = state_folder(params, dataset, pretrained)
        settings = project_section(TrainerParams, "trainer")
        vocabulary = Vocabulary.load(VOCABULARY)
        Trainer(params, SHARDS, vocabulary, dataset, state, settings=settings, pretrained=pretrained).fit()
    except (InterruptedRunError, DivergedRunError):
        pass  # all processes stop together; a failure of this one would end the first before it has printed its message
    except Im2LatexError as error:
        sys.exit(f"train, process {process_rank()}: {error}")


def _image_settings() -> dict[str, int]:
    """Settings of the dataset's images, for the checkpoint; parameters that the stage depends on by name."""
    render = load_yaml(Path("params.yaml"))["render"]
    return {"dpi": render["renderer"]["dpi"], **render["image"]}


def _example_row(seen: int, example: ValidationExample, vocabulary: Vocabulary) -> dict[str, object]:
    """A row of samples.jsonl."""
    texts = {name: " ".join(vocabulary.decode(ids)) for name, ids in example._asdict().items() if name != "formula_id"}
    return {"samples": seen, "id": example.formula_id, **texts}


class _Curves(Live):
    """DVCLive without the last commit of git, which a new repository lacks."""

    def _init_dvc(self) -> None:
        with suppress(SCMError):
            super()._init_dvc()


def _draw_curves(rows: list[MetricsRow], clock_bound: bool = False) -> None:
    """Write the rows with DVCLive, whose files `dvc plots` and `dvc exp show` read.

    The summary metrics.json says where the clock decided the end of training.
    """
    shutil.rmtree(CURVES, ignore_errors=True)
    with _Curves(str(CURVES), dvcyaml=None, save_dvc_exp=False, monitor_system=False) as live:
        for row in rows:
            live.step = int(row["samples"])
            for name, value in row.items():
                if name != "samples":
                    live.log_metric(name, value, timestamp=False)
            if clock_bound:
                live.summary["clock_bound"] = True
            live.make_summary()


def check_saved(params: TrainParams) -> None:
    """Raise `UsageError` where there is no saved run to accept as it is."""
    state = state_folder(params, read_dataset(SHARDS)["hash"], find_pretrained(params))
    if not (state / "state.pt").is_file():
        raise UsageError(f"{state}: no stopped training of these data and params; run `dvc repro train`")


STAGE = Stage(
    "train",
    TrainParams,
    work,
    ("torch", "numpy", "lightning-fabric"),
    options={AS_IT_IS: "write the outputs of the stopped training as it is; its state stays"},
    settings={"trainer": TrainerParams},
    check=check_init_from,
)

if __name__ == "__main__":
    if AS_IT_IS in sys.argv[1:]:
        replace(STAGE, work=partial(work, as_it_is=True), check=check_saved).main()
    elif process_rank() == 0:
        STAGE.main()
    else:
        follow()
