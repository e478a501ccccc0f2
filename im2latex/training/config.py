"""Parameters of a training run: sections `train` and `trainer` of params.yaml.

`train` decides the weights and is a dependency of the stage. `trainer` says where and how the training runs; no
stage depends on it, so that another value never trains again.
"""

import math
import sys
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from im2latex.config import Params
from im2latex.models.model import ModelParams
from im2latex.models.presets import load_preset, with_preset
from im2latex.training.augmentation import AugmentationParams
from im2latex.training.devices import Precision
from im2latex.training.loggers import LoggerParams
from im2latex.training.losses import AttentionPenaltyParams
from im2latex.training.optim import OptimizerParams
from im2latex.training.sampler import AutoBatchParams
from im2latex.training.schedule import ScheduleParams
from im2latex.training.scheduled_sampling import ScheduledSamplingParams
from im2latex.training.validation import Monitor

DEFAULT_PRESET = "fast-tiny"
DEFAULT_SAMPLES = 37_000
"""Budget of a training run that names none, in samples."""


ENDLESS = -1
"""Value of `budget.epochs` for no limit, as in Lightning's `max_epochs`."""


class BudgetParams(Params):
    """When training ends: at the smallest limit that is set.

    Samples and epochs end every run at the same step. The other two follow a clock, so that the weights depend on the
    speed of the machine: minutes become samples once, before the first step; a deadline also drives the schedule, and
    starts anew when a run is resumed.
    """

    samples: int | None = Field(default=None, ge=1, description="most samples to train on, repeats counted")
    epochs: float | None = Field(
        default=None, description="most passes over the training split; -1: no limit, a signal ends the training"
    )
    minutes: float | None = Field(
        default=None, gt=0, description="most minutes of training steps, validation not counted"
    )
    deadline_seconds: float | None = Field(
        default=None, gt=0, description="wall clock time from the first step on, validation and saving counted"
    )

    @model_validator(mode="before")
    @classmethod
    def _default(cls, values: Any) -> Any:
        return values or {"samples": DEFAULT_SAMPLES}

    @field_validator("epochs")
    @classmethod
    def _positive_or_endless(cls, epochs: float | None) -> float | None:
        if epochs is not None and epochs <= 0 and epochs != ENDLESS:
            raise ValueError(f"must be greater than 0, or {ENDLESS} for no limit")
        return epochs

    @model_validator(mode="after")
    def _ends(self) -> "BudgetParams":
        if (self.samples, self.epochs, self.minutes, self.deadline_seconds) == (None, None, None, None):
            raise ValueError("set one of samples, epochs, minutes and deadline_seconds")
        return self


class TrainParams(Params):
    """Settings that decide the weights. A key that is null has the preset's value, else its default.

    Explicit keys override those of the preset, in nested sections key by key.
    """

    init_from: str | None = Field(
        default=None, description="checkpoint to initialize weights from: FOLDER, or FOLDER@HASH of its weights"
    )
    seed: int = Field(
        default=3,
        ge=0,
        description="of initial weights, batch order, position of images in their padding, augmentation and dropout",
    )
    preset: str | None = Field(default=DEFAULT_PRESET, description="model family with its training settings, or null")
    model: ModelParams = Field(
        default_factory=lambda: ModelParams.model_validate(load_preset(DEFAULT_PRESET)["model"]),
        description="encoder and decoder",
    )
    optimizer: OptimizerParams = Field(default=OptimizerParams(), description="optimizers and their learning rates")
    schedule: ScheduleParams = Field(default=ScheduleParams(), description="learning rate schedule")
    gradient_accumulation: int = Field(default=1, ge=1, description="batches whose gradients are summed for one step")
    label_smoothing: float = Field(default=0.0, ge=0, lt=1, description="probability mass spread over all tokens")
    ctc_weight: float = Field(default=0.0, ge=0, description="weight of the encoder's CTC loss; 0 switches it off")
    ctc_until: float = Field(
        default=1.0, gt=0, le=1, description="share of the budget, at its beginning, that has the CTC loss"
    )
    clip_norm: float = Field(default=1.0, gt=0, description="largest norm of the gradient")
    attention_penalty: AttentionPenaltyParams | Literal[False] = Field(
        default=False, description="a loss on the deviation from uniform attention, or false"
    )
    scheduled_sampling: ScheduledSamplingParams | Literal[False] = Field(
        default=False, description="decoder inputs replaced by its own predictions, or false"
    )
    batches: AutoBatchParams = Field(default=AutoBatchParams(), description="size of a batch")
    augmentation: AugmentationParams = Field(default=AugmentationParams(), description="how training images vary")
    budget: BudgetParams = Field(default=BudgetParams(), description="when training ends")
    loss_spike_factor: float = Field(
        default=0.0, ge=0, description="a loss above so many times the running median ends the run; 0: none does"
    )
    ema_samples: int = Field(
        default=2000, ge=1, description="horizon of the exponential moving average (EMA) of the weights"
    )
    batch_norm_samples: int = Field(
        default=0,
        ge=0,
        description="samples for the batch norm statistics of averaged weights; 0: running ones",
    )
    validate_every_samples: int = Field(default=5000, ge=1, description="samples between two validations")
    validation_samples: int = Field(default=100, ge=1, description="size of the fixed part of split val that is scored")
    validation_examples: int = Field(
        default=6, ge=0, description="validation samples whose predictions are saved at each validation"
    )
    monitor: Monitor = Field(
        default="val_loss", description="score that plateau, early stopping and the best checkpoint go by"
    )
    early_stopping_patience: int = Field(
        default=0, ge=0, description="validations in a row without a better score that end the run; 0: none do"
    )
    select_checkpoint: Literal["last", "best"] = Field(
        default="last", description="which averaged weights become the checkpoint; best by the monitored score"
    )
    precision: Precision = Field(
        default="32-true",
        description="of forward and backward; auto: bf16-mixed or, on older GPUs, 16-mixed where the device is faster",
    )

    @model_validator(mode="before")
    @classmethod
    def _merge_preset(cls, values: Any) -> Any:
        return with_preset(values, DEFAULT_PRESET) if isinstance(values, dict) else values

    @model_validator(mode="after")
    def _ctc_head_exists(self) -> "TrainParams":
        if self.ctc_weight and not self.model.ctc_head:
            raise ValueError(f"ctc_weight = {self.ctc_weight} needs a CTC head; set model.ctc_head: true")
        return self

    def state_key(self) -> dict[str, Any]:
        """Plain values of the keys that must be equal for a saved state to be resumed.

        The budget is not among them: with a larger one, training continues from the state.
        """
        return self.model_dump(mode="json", exclude={"budget", "validation_examples"})


class TrainerParams(Params):
    """Settings of devices, logging and saving, on which no stage depends."""

    accelerator: Literal["auto", "cpu", "gpu"] = Field(
        default="auto", description="where to train, as Lightning Fabric names it"
    )
    devices: int = Field(default=1, ge=1, description="accelerators, each with a part of every batch")
    device_memory_mb: int = Field(
        default=16384, ge=1, description="most MiB of images in an accelerator's memory; more are sent in parts"
    )
    save_every_minutes: float = Field(default=5, gt=0, description="longest time between two saves of the state")
    keep_snapshots: Annotated[int, Field(ge=0)] | Literal["all"] = Field(
        default=0, description="checkpoints of validations that remain: the best so many by `monitor`, or all"
    )
    loggers: LoggerParams = Field(default=LoggerParams(), description="loggers beside the files of the stage")


def sample_limit(budget: BudgetParams, split_size: int) -> int:
    """The samples that `samples` and `epochs` allow on a training split; no limit is sys.maxsize."""
    by_epochs = None if budget.epochs in (None, ENDLESS) else max(1, round((budget.epochs or 0) * split_size))
    return min(limit for limit in (budget.samples, by_epochs, sys.maxsize) if limit is not None)


def is_clock_bound(budget: BudgetParams, total: int, split_size: int) -> bool:
    """Whether a clock decided where a run with a budget of `total` samples ends."""
    return budget.deadline_seconds is not None or total < sample_limit(budget, split_size)


def clock_warning(budget: BudgetParams, total: int, split_size: int) -> str | None:
    """Return a hint on how to repeat a run of `total` samples that a clock ended; None for any other run."""
    if not is_clock_bound(budget, total, split_size):
        return None
    if budget.deadline_seconds is not None:
        return (
            f"train.budget.deadline_seconds = {budget.deadline_seconds:g}: the clock decides where training ends, so "
            f"the weights differ from run to run; for a repeatable run set train.budget.samples alone (default "
            f"{DEFAULT_SAMPLES:,})"
        )
    return (
        f"train.budget.minutes = {budget.minutes:g}: {total:,} samples at the present speed of this machine, where the "
        f"default is {DEFAULT_SAMPLES:,}; another speed gives other weights. To repeat this run set "
        f"train.budget.samples = {total} and minutes = null"
    )


def ema_decay(params: TrainParams, samples: int, step: int) -> float:
    """Decay of the moving average for a step of `samples`; small at first, so that the initial weights fade."""
    return min(math.exp(-samples / params.ema_samples), (1 + step) / (10 + step))
