"""What a training run is asked to do: every setting of the loop, and the learning rate they imply."""

import math
from typing import Literal

from pydantic import Field

from im2latex.learning.augmentation import AugmentationParams
from im2latex.learning.batches import BatchParams
from im2latex.learning.network import ModelParams
from im2latex.learning.optimizer import OptimizerParams
from im2latex.params import Params


class BudgetParams(Params):
    """When to stop: at the smaller of the two. Minutes become samples once, before the first step."""

    samples: int = Field(ge=1, description="most samples to train on, repeats counted")
    minutes: float = Field(gt=0, description="most minutes of training steps, validation not counted")


class TrainParams(Params):
    """One training run."""

    seed: int = Field(ge=0, description="decides initial weights, order, placing, augmentation and dropout")
    model: ModelParams = Field(description="encoder and decoder")
    batches: BatchParams = Field(description="what goes into one batch")
    augmentation: AugmentationParams = Field(description="how training pictures are varied")
    budget: BudgetParams = Field(description="when to stop")
    optimizer: OptimizerParams = Field(description="how weights follow their gradients")
    warmup_samples: int = Field(ge=0, description="samples over which the learning rate rises to its peak")
    decay: Literal["linear", "cosine"] = Field(description="how it falls to zero at the end of the budget")
    label_smoothing: float = Field(ge=0, lt=1, description="probability mass spread over all tokens")
    ctc_weight: float = Field(ge=0, description="weight of the encoder's own loss in the sum; 0 switches it off")
    clip_norm: float = Field(gt=0, description="largest norm of the gradient")
    ema_samples: int = Field(ge=1, description="horizon of the moving average of the weights")
    validate_every_samples: int = Field(ge=1, description="samples between two validations; state is saved there")
    validation_samples: int = Field(ge=1, description="size of the fixed part of the split val that is scored")
    accelerator: Literal["auto", "cpu", "gpu"] = Field(description="where to train, as Lightning Fabric names it")
    devices: int = Field(ge=1, description="accelerators, each with its own batches")
    device_memory_mb: int = Field(
        default=16384, ge=1, description="most MiB of pictures that live on an accelerator; more are sent in parts"
    )
    precision: Literal["32-true", "bf16-mixed"] = Field(description="arithmetic of forward and backward")


def rate_share(params: TrainParams, seen: int, total: int) -> float:
    """The share of the peak learning rate for the step after `seen` of `total` samples: warm-up, then decay to 0."""
    left = max(0.0, 1 - seen / total)
    falling = left if params.decay == "linear" else 0.5 - 0.5 * math.cos(math.pi * left)
    return min(falling, (seen + 1) / max(1, params.warmup_samples))


def ema_decay(params: TrainParams, samples: int, step: int) -> float:
    """How much of the average survives a step of `samples`; short at first, so that initial weights fade."""
    return min(math.exp(-samples / params.ema_samples), (1 + step) / (10 + step))
