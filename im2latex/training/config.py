"""What a training run is asked to do: every setting of the loop."""

import math
import sys
from typing import Any, Literal

from pydantic import Field, model_validator

from im2latex.config import Params
from im2latex.models.model import ModelParams
from im2latex.models.presets import with_preset
from im2latex.training.augmentation import AugmentationParams
from im2latex.training.devices import Precision
from im2latex.training.early_stopping import Monitor
from im2latex.training.loggers import LogParams
from im2latex.training.losses import AttentionPenaltyParams
from im2latex.training.optim import OptimizerParams
from im2latex.training.sampler import BatchParams
from im2latex.training.schedule import ScheduleParams
from im2latex.training.scheduled_sampling import ScheduledSamplingParams


class BudgetParams(Params):
    """When to stop: at the smallest of those given. Minutes become samples once, before the first step.

    A deadline is another mode: the clock of the process decides where the schedule stands and when training ends, so
    that the weights depend on the speed of the machine, and a run that goes on has a deadline of its own.
    """

    samples: int | None = Field(default=None, ge=1, description="most samples to train on, repeats counted")
    epochs: float | None = Field(default=None, gt=0, description="most passes over the training split")
    minutes: float | None = Field(
        default=None, gt=0, description="most minutes of training steps, validation not counted"
    )

    deadline_seconds: float | None = Field(
        default=None, gt=0, description="wall clock from the first step on, validation and saving counted"
    )

    @model_validator(mode="after")
    def _ends(self) -> "BudgetParams":
        if (self.samples, self.epochs, self.minutes, self.deadline_seconds) == (None, None, None, None):
            raise ValueError("one of samples, epochs, minutes and deadline_seconds must be given")
        return self


class TrainParams(Params):
    """One training run. Keys that the preset sets are left out or null beside it."""

    preset: str | None = Field(None, description="a model family with its settings; null where all keys are set here")
    changes: dict[str, Any] = Field({}, description="what is wanted otherwise than in the preset, key by key")
    start: str | None = Field(None, description="folder of a checkpoint, or FOLDER@HASH of its weights, to start from")
    seed: int = Field(ge=0, description="decides initial weights, order, placing, augmentation and dropout")
    model: ModelParams = Field(description="encoder and decoder")
    batches: BatchParams = Field(description="what goes into one batch")
    augmentation: AugmentationParams = Field(description="how training images are varied")
    budget: BudgetParams = Field(description="when to stop")
    optimizer: OptimizerParams = Field(description="how weights follow their gradients")
    schedule: ScheduleParams = Field(description="how the learning rates move")
    accumulate: int = Field(1, ge=1, description="batches whose gradients are summed for one step")
    label_smoothing: float = Field(ge=0, lt=1, description="probability mass spread over all tokens")
    ctc_weight: float = Field(ge=0, description="weight of the encoder's own loss in the sum; 0 switches it off")
    ctc_until: float = Field(1.0, gt=0, le=1, description="share of the budget, at its beginning, that has that loss")
    attention_penalty: AttentionPenaltyParams | None = Field(None, description="a loss on attention; null for none")
    scheduled_sampling: ScheduledSamplingParams | None = Field(None, description="null: read the given tokens only")
    clip_norm: float = Field(gt=0, description="largest norm of the gradient")
    explode_factor: float = Field(0, ge=0, description="a loss above so many times the median ends the run; 0: none")
    ema_samples: int = Field(ge=1, description="horizon of the moving average of the weights")
    validate_every_samples: int = Field(ge=1, description="samples between two validations; state is saved there")
    batch_norm_samples: int = Field(
        0, ge=0, description="samples that estimate batch norms anew for averaged weights; 0 keeps running statistics"
    )
    save_every_minutes: float = Field(5, gt=0, description="longest time between two writings of the state")
    validation_samples: int = Field(ge=1, description="size of the fixed part of the split val that is scored")
    score: Monitor = Field("val_loss", description="the validation score that plateau, early_stop and keep go by")
    early_stop: int = Field(0, ge=0, description="validations without a better score that end the run; 0: none")
    keep: Literal["last", "best"] = Field("last", description="which averaged weights become the checkpoint")
    accelerator: Literal["auto", "cpu", "gpu"] = Field(description="where to train, as Lightning Fabric names it")
    devices: int = Field(ge=1, description="accelerators, each with a part of every batch")
    device_memory_mb: int = Field(
        default=16384, ge=1, description="most MiB of images that live on an accelerator; more are sent in parts"
    )
    precision: Precision = Field(
        description="arithmetic of forward and backward; auto: bf16-mixed where the device is faster with it"
    )

    logs: LogParams = Field(LogParams(), description="what is told of the run while it goes on")

    @model_validator(mode="before")
    @classmethod
    def _take_the_preset(cls, values: Any) -> Any:
        return with_preset(values, cls) if isinstance(values, dict) else values

    @model_validator(mode="after")
    def _ctc_head_exists(self) -> "TrainParams":
        if self.ctc_weight and not self.model.ctc_head:
            raise ValueError(f"ctc_weight = {self.ctc_weight} needs a CTC head; set model.ctc_head: true")
        return self

    def deciding(self) -> dict[str, Any]:
        """All that decides the weights, as plain values: two runs that differ in what they log or save are one."""
        return self.model_dump(mode="json", exclude={"logs", "save_every_minutes"})


def sample_limit(budget: BudgetParams, split: int) -> int:
    """The samples that `samples` and `epochs` allow on a training split of `split`; no limit is sys.maxsize."""
    by_epochs = None if budget.epochs is None else max(1, round(budget.epochs * split))
    return min(limit for limit in (budget.samples, by_epochs, sys.maxsize) if limit is not None)


def ema_decay(params: TrainParams, samples: int, step: int) -> float:
    """How much of the average survives a step of `samples`; short at first, so that initial weights fade."""
    return min(math.exp(-samples / params.ema_samples), (1 + step) / (10 + step))
