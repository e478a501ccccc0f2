"""The training loop, on Lightning Fabric: the whole story, told in samples.

reads          shards and buckets.json (through batches)
reads, writes  the folder of the run's state (through run)
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.errors import UsageError
from im2latex.training.budget import Pace, clock_warning, sample_budget
from im2latex.training.checkpoint import Checkpoint, read_recipe
from im2latex.training.config import TrainParams
from im2latex.training.dataset import InMemoryDataset
from im2latex.training.devices import choose_precision, launch
from im2latex.training.finetune import Pretrained
from im2latex.training.model_summary import training_summary
from im2latex.training.run import Run
from im2latex.training.signals import commands, signal_requests
from im2latex.training.state import InterruptedRunError
from im2latex.training.validation import Validation, ValidationExample

Log = Callable[[dict[str, float]], None]
Tell = Callable[[str], None]
Show = Callable[[int, list[ValidationExample]], None]


def quiet(*_: object) -> None:
    """Say nothing."""


def train(
    params: TrainParams,
    shards: Path,
    vocabulary: Vocabulary,
    dataset_hash: str,
    state: Path,
    log: Log,
    tell: Tell = quiet,
    show: Show = quiet,
    start: Pretrained | None = None,
    saved: Callable[[], None] = quiet,
    as_it_is: bool = False,
) -> Checkpoint:
    """Train to the end of the budget or of progress; returns averaged weights as a checkpoint, the last or the best.

    `log` is given plain rows: losses, learning rate and scores by samples seen, without clocks; `tell` what is only
    for the eye; `show` the samples seen, and what the network now reads in a few fixed samples of the split val. They
    are called by the first process alone, and so is `saved` when a validation and its weights have been written.
    `start` is the checkpoint that `params.start` names. The run is saved in
    the folder `state` every few minutes, before and after every validation, and when a signal asks for it.
    `as_it_is` takes the run that is saved there without another step, and leaves its state alone. Raises
    `InterruptedRunError` when a signal asks to stop, `DivergedRunError` when the loss is not finite or explodes, and
    `UsageError` where there is no saved run to take.
    """
    identity = run_identity(params, vocabulary, dataset_hash, start)
    # Measured anew, `auto` might choose otherwise in the middle of a run.
    known = read_recipe(state / "last").get("precision") if params.precision == "auto" else None
    precision = known or choose_precision(params.precision, params.accelerator)
    params = params.model_copy(update={"precision": precision})
    idle = params.ctc_weight == 0 or params.ctc_until < 1
    fabric = launch(params.accelerator, 1 if as_it_is else params.devices, precision, idle_weights=idle)
    if not fabric.is_global_zero:
        log = tell = show = saved = quiet
    run = Run(fabric, params, InMemoryDataset(shards, "train"), vocabulary, dataset_hash, state, start)
    validation = Validation(
        InMemoryDataset(shards, "val"), params.validation_samples, params.batches, params.logs.examples
    )
    resumed = run.state.resume(state, identity)
    if as_it_is and not resumed:
        raise UsageError(f"{state}: holds no stopped training of these data and params; run `dvc repro train`")
    if not resumed or params.budget.minutes is None:  # minutes were turned into samples once
        run.state.total = sample_budget(run)
    tell(training_summary(run))
    if warning := clock_warning(params.budget, run.state.total):
        tell(warning)
    if as_it_is:
        log(run.look(validation))
        show(run.state.seen, validation.readings)
        return run.checkpoint(params.keep)
    tell(commands())
    pace = Pace(run)

    with signal_requests(aloud=fabric.is_global_zero) as requests:
        while True:
            validated = run.validation_due
            if validated:
                run.save(identity)
                log(run.validate(validation))
                show(run.state.seen, validation.readings)
                run.save(identity)
                saved()
            if run.finished:
                break
            request = run.requested(requests)
            if request and not validated:
                run.save(identity)
            if request.validates and not validated:
                tell(in_words(run.look(validation)))
            if request.stops:
                raise InterruptedRunError(
                    f"stopped by {request.signal} after {run.state.seen} samples; run again to go on"
                )
            run.step()
            if line := pace.line():
                tell(line)
    return run.checkpoint(params.keep)


def in_words(row: dict[str, float]) -> str:
    """A row of the log on one line."""
    return "  ".join(f"{name} {value:,.6g}" for name, value in row.items())


def run_identity(params: TrainParams, vocabulary: Vocabulary, dataset_hash: str, start: Pretrained | None) -> str:
    """A hash of all that must be equal for a saved state to be taken up.

    Budget and schedule are left out: a larger budget, or a last stretch of falling rates, goes on with a state.
    """
    words = [vocabulary.tokens, vocabulary.merges]
    content = json.dumps(
        [params.deciding() | {"budget": None, "schedule": None}, words, dataset_hash, start.weights if start else None]
    )
    return hashlib.sha256(content.encode()).hexdigest()
