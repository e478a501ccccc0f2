"""Trainer: a whole training, from the shards of a dataset to a checkpoint, on Lightning Fabric.

reads          shards and buckets.json (through dataset)
reads, writes  <folder>/state.pt            so that a stopped run can be resumed
writes         <folder>/last/, best/        checkpoints, usable while the run continues
               <folder>/snapshots/          those of earlier validations, with trainer.keep_snapshots

Validation, saving and signals wait for the end of a step. The state is saved every few minutes, before and after each
validation, and when a signal requests it.
"""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
import torch.distributed as dist
from lightning_fabric import Fabric

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.errors import UsageError
from im2latex.training.batch_size import resolve_batches
from im2latex.training.callbacks import Callback, MetricsRow, ProgressMeter, format_row, training_summary
from im2latex.training.checkpoint import Checkpoint, read_recipe, save_checkpoint
from im2latex.training.config import TrainerParams, TrainParams, clock_warning, sample_limit
from im2latex.training.dataloader import BatchSource
from im2latex.training.dataset import MemoryMappedDataset
from im2latex.training.devices import choose_precision, launch, memory_used, over_processes
from im2latex.training.early_stopping import monitored_value
from im2latex.training.engine import TrainingEngine
from im2latex.training.finetune import Pretrained
from im2latex.training.run_folders import save_snapshot
from im2latex.training.signals import Request, Requests, commands, signal_requests
from im2latex.training.state import EarlierBudget, InterruptedRunError
from im2latex.training.validation import Validation

TIMED_STEPS = 40
"""Most steps that measure the speed for a budget in minutes; the first quarter prepares kernels and is not counted."""


class Trainer:
    """Train `params` on the folder `shards`; `folder` has the state, `pretrained` what `params.init_from` names.

    `dataset_hash` identifies the dataset in the state and the checkpoint. `settings` decide no weight. `images` are
    the settings of the images, for the checkpoints.
    """

    def __init__(
        self,
        params: TrainParams,
        shards: Path,
        vocabulary: Vocabulary,
        dataset_hash: str,
        folder: Path,
        *,
        settings: TrainerParams | None = None,
        pretrained: Pretrained | None = None,
        callback: Callback | None = None,
        images: Mapping[str, int] | None = None,
    ) -> None:
        self.params, self.shards, self.vocabulary, self.dataset_hash = params, shards, vocabulary, dataset_hash
        self.folder, self.pretrained = folder, pretrained
        self.settings, self.callback = settings or TrainerParams(), callback or Callback()
        self.images = dict(images or {})
        self._identity = run_identity(params, vocabulary, dataset_hash, pretrained)
        self._last_save = time.monotonic()
        self.engine: TrainingEngine
        self._validation: Validation
        self._row: MetricsRow = {}
        self._train_seconds, self._timed_from = 0.0, 0
        self._control: dist.ProcessGroup | None = None

    @property
    def earlier_budgets(self) -> list[EarlierBudget]:
        """Budgets under which this run trained before the present one; empty for a run with a single budget."""
        return self.engine.state.earlier_budgets

    def fit(self) -> Checkpoint:
        """Train until the budget is used up or early stopping ends the run; returns the averaged weights.

        A run that is saved in the folder is resumed. Raises `InterruptedRunError` when a signal stops it,
        `DivergedRunError` when the loss is not finite or spikes, and `UsageError` where a saved run has seen more
        samples than the budget allows.
        """
        self._set_up(self.settings.devices)
        self._resume()
        engine = self.engine
        self._timed_from = engine.state.seen
        self.callback.on_message(training_summary(engine))
        if warning := clock_warning(self.params.budget, engine.state.total, len(engine.dataset)):
            self.callback.on_message(warning)
        self.callback.on_message(commands())
        progress = ProgressMeter(engine)
        with signal_requests(aloud=engine.fabric.is_global_zero) as requests:
            while True:
                validated = self._validation_due
                if validated:
                    self.save()
                    self._validate()
                    engine.state.finished = engine.finished
                    self._save_snapshot()
                    self.save()
                    self.callback.on_save()
                if engine.finished:
                    break
                self._handle(self._requested(requests), validated)
                started = time.perf_counter()
                engine.train_step()
                self._train_seconds += time.perf_counter() - started
                if line := progress.line():
                    self.callback.on_message(line)
        return self._checkpoint(self.params.select_checkpoint)

    def validate(self) -> Checkpoint:
        """Validate the run that is saved in the folder, without another step; returns its averaged weights.

        The saved state is left as it is. Raises `UsageError` where there is none.
        """
        self._set_up(devices=1)
        if not self.engine.state.resume(self.folder, self._identity):
            raise UsageError(f"{self.folder}: no stopped training of these data and params; run `dvc repro train`")
        self.callback.on_message(training_summary(self.engine))
        row = self.engine.evaluate(self._validation)
        self.callback.on_validation(row, self._validation.examples)
        return self._checkpoint(self.params.select_checkpoint)

    def save(self) -> None:
        """Save both checkpoints and the state, in the first process; losses are checked before.

        The state comes last: with it a run resumes, and what `auto` chose for that run is read from a checkpoint.
        """
        self.engine.check_losses()
        if self.engine.fabric.is_global_zero:
            for name in ("last", "best") if self.engine.state.best else ("last",):
                save_checkpoint(self._checkpoint(name), self.folder / name)
            self.engine.state.save(self.folder, self._identity)
        self.engine.fabric.barrier()
        self._last_save = time.monotonic()

    def _save_snapshot(self) -> None:
        """Save the averaged weights of the last validation beside the state, in the first process."""
        if self.settings.keep_snapshots and self.engine.fabric.is_global_zero:
            save_snapshot(
                self.folder,
                self._checkpoint("last"),
                self.engine.optimizer_state(),
                self._row,
                self.settings.keep_snapshots,
                self.params.monitor,
            )

    def _checkpoint(self, name: str) -> Checkpoint:
        return replace(self.engine.checkpoint(name), images=self.images)

    def _set_up(self, devices: int) -> None:
        """Start the processes, load the data and build the engine."""
        settings, params = self.settings, self.params
        # Measured anew, `auto` might choose otherwise in the middle of a run.
        recipe = read_recipe(self.folder / "last")
        known = recipe.get("precision") if params.precision == "auto" else None
        precision = known or choose_precision(params.precision, settings.accelerator)
        params = params.model_copy(update={"precision": precision})
        without_ctc = params.ctc_weight == 0 or params.ctc_until < 1
        fabric = launch(settings.accelerator, devices, precision, unused_weights=without_ctc)
        recipe = fabric.broadcast(recipe)  # the first process may have removed it before another read it
        if not fabric.is_global_zero:
            self.callback = Callback()
        if fabric.world_size > 1:  # on the CPU, so that no step waits for an accelerator
            self._control = dist.new_group(backend="gloo")
        dataset = MemoryMappedDataset(self.shards, "train")
        image_bytes = min(dataset.pixels.nbytes, settings.device_memory_mb * 2**20)
        build_engine = partial(self._build_engine, fabric, params)
        limits, found = resolve_batches(
            params.batches, recipe.get("batches", {}), fabric, dataset, image_bytes, build_engine
        )
        if found:
            self.callback.on_message(found)
        self.engine = self._build_engine(fabric, params.model_copy(update={"batches": limits}), dataset)
        self._validation = Validation(
            MemoryMappedDataset(self.shards, "val"),
            params.validation_samples,
            limits,
            self.vocabulary,
            params.validation_examples,
        )

    def _build_engine(
        self, fabric: Fabric, params: TrainParams, dataset: MemoryMappedDataset, batches: BatchSource | None = None
    ) -> TrainingEngine:
        return TrainingEngine(
            fabric,
            params,
            dataset,
            self.vocabulary,
            self.dataset_hash,
            self.folder,
            self.pretrained,
            batches,
            self.settings.device_memory_mb,
        )

    def _resume(self) -> None:
        """Resume the saved run, if there is one, and set the budget; its samples are measured once in a run."""
        state, budget = self.engine.state, self.params.budget.model_dump()
        resumed = state.resume(self.folder, self._identity)
        self._check_shared_folder()
        if resumed:
            if state.budget == budget and self.params.budget.minutes is not None:
                return
            earlier = state.total
            state.total = self._sample_budget()
            if state.budget != budget:
                if state.seen >= state.total:
                    raise UsageError(
                        f"{self.folder}: has a run of {state.seen:,} samples, and train.budget allows "
                        f"{state.total:,}; set a larger budget, or remove the folder to train anew"
                    )
                state.earlier_budgets.append({"samples": state.seen, "sample_budget": earlier})
                state.finished = False
                if self.engine.stopped_early and state.total > earlier:
                    state.early_stopping.bad_validations = 0
                self.callback.on_message(
                    f"{self.folder}: continues after {state.seen:,} samples with another budget; to train from the "
                    "start, remove it"
                )
        else:
            state.total = self._sample_budget()
        state.budget = budget

    def _check_shared_folder(self) -> None:
        """Raise `UsageError` where the processes, on several machines perhaps, do not see the same saved state."""
        fabric, seen = self.engine.fabric, self.engine.state.seen
        least, most = (over_processes(fabric, seen, reduction) for reduction in ("min", "max"))
        if least != most:
            raise UsageError(
                f"{self.folder}: a saved run of {most:,} samples for one process and of {least:,} for another; set "
                "IM2LATEX_STATE to a folder that all machines see"
            )

    def _sample_budget(self) -> int:
        """The samples that the budget allows; minutes are converted at the speed of some steps, which are undone.

        Divides samples by seconds over all timed steps, since batches of long labels have fewer samples. A GPU meets
        new shapes for longer than that: use `deadline_seconds` there.
        """
        engine, budget = self.engine, self.params.budget
        state = engine.state
        limit = sample_limit(budget, len(engine.dataset))
        if budget.minutes is None or state.seen >= limit:
            return limit
        before = state.snapshot()
        state.total = limit
        seconds: list[float] = []
        samples: list[int] = []
        while len(seconds) < TIMED_STEPS and state.seen < limit:
            seen, started = state.seen, time.perf_counter()
            engine.train_step()
            if engine.fabric.device.type == "cuda":
                torch.cuda.synchronize(engine.fabric.device)
            seconds.append(time.perf_counter() - started)
            samples.append(state.seen - seen)
        state.restore(before)
        counted = slice(len(seconds) // 4, None)
        speed = sum(samples[counted]) / sum(seconds[counted])
        affordable = engine.fabric.broadcast(round(60 * budget.minutes * speed))
        return max(1, min(limit, affordable))

    @property
    def _validation_due(self) -> bool:
        """Whether the steps so far ended an interval, or the run, that has not been validated."""
        state = self.engine.state
        intervals = state.seen // self.params.validate_every_samples
        return intervals > state.validations or (self.engine.budget_used >= 1 and state.validated < state.seen)

    def _validate(self) -> None:
        """Validate, and update early stopping, the schedule and the best weights by the monitored score."""
        row = self._row = self.engine.evaluate(self._validation)
        params, schedule, state = self.params, self.params.schedule, self.engine.state
        state.loss_monitor.start_interval()
        state.validations, state.validated = state.seen // params.validate_every_samples, state.seen
        value = monitored_value(row, params.monitor)
        if state.early_stopping.update(value, schedule.drop_patience, schedule.drop_against):
            state.store_best()
        self.callback.on_validation(row, self._validation.examples)
        self.callback.on_details(row, self._measured(), self._validation, self.engine)

    def _measured(self) -> dict[str, float]:
        """Speed of the steps since the last validation and memory of the accelerator: other values in every run."""
        seen, seconds = self.engine.state.seen - self._timed_from, self._train_seconds
        self._timed_from, self._train_seconds = self.engine.state.seen, 0.0
        found = {"samples_per_second": seen / seconds} if seconds else {}
        return found | memory_used(self.engine.fabric.device)

    def _handle(self, request: Request, validated: bool) -> None:
        """Save, then validate, then stop, as far as it is requested and has not just been done."""
        if request and not validated:
            self.save()
        if request.validates and not validated:
            self.callback.on_message(format_row(self.engine.evaluate(self._validation)))
        if request.stops:
            seen = self.engine.state.seen
            raise InterruptedRunError(f"stopped by {request.signal} after {seen} samples; run again to resume")

    def _requested(self, requests: Requests) -> Request:
        """The greatest request of signals to any process, or of the time since the last save, for all processes."""
        fabric = self.engine.fabric
        due = time.monotonic() - self._last_save >= 60 * self.settings.save_every_minutes
        by_time = Request.SAVE if due else Request.NOTHING
        if fabric.world_size == 1:
            return max(requests.pop(), by_time)
        greatest = torch.tensor(int(max(requests.pop(), by_time)))
        dist.all_reduce(greatest, dist.ReduceOp.MAX, self._control)
        return Request(int(greatest))


def run_identity(params: TrainParams, vocabulary: Vocabulary, dataset_hash: str, pretrained: Pretrained | None) -> str:
    """A hash of all that must be equal for a saved state to be resumed.

    The schedule is left out, as the budget is: a final decay of the learning rate continues from a state.
    """
    tokens = [vocabulary.tokens, vocabulary.merges]
    weights = pretrained.weights if pretrained else None
    content = json.dumps([params.state_key() | {"schedule": None}, tokens, dataset_hash, weights])
    return hashlib.sha256(content.encode()).hexdigest()
