"""Callback of a training run, and the texts for its messages: summary before the start, progress, rows of metrics.

The summary is ours rather than torchinfo's: that would be a dependency for few lines, which must not change the state
of random generators.
"""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

import torch
from torch import Tensor, nn

from im2latex.models.model import Network
from im2latex.training.collate import collate
from im2latex.training.devices import memory_used
from im2latex.training.engine import TrainingEngine
from im2latex.training.sampler import bucket_batches
from im2latex.training.validation import Validation, ValidationExample

MetricsRow = dict[str, float]
"""Metrics by name, and `samples`, the samples seen."""
DEPTH = 2
"""Levels of modules in the table."""
_MIN_SHARE = 1e-9
"""Share of the budget below which there is none."""
PROGRESS_SECONDS = 20.0
"""Shortest time between two lines of progress."""


class Callback:
    """Receives what happens in a training run; called in the first process only."""

    def on_validation(self, row: MetricsRow, examples: Sequence[ValidationExample]) -> None:
        """A validation that counts: losses, learning rate and scores by samples seen, and a few predictions."""

    def on_details(
        self, row: MetricsRow, measured: Mapping[str, float], validation: Validation, engine: TrainingEngine
    ) -> None:
        """After `on_validation`: what loggers show beside the row; `measured` values differ from run to run."""

    def on_message(self, text: str) -> None:
        """A line of text to show: summary, progress or the response to a signal."""

    def on_save(self) -> None:
        """The state and the averaged weights of a validation have been saved."""


class ProgressMeter:
    """Speed and remaining time, at most every `PROGRESS_SECONDS`, for terminals and log files alike."""

    def __init__(self, engine: TrainingEngine) -> None:
        self._engine = engine
        self._first_used, self._seen = engine.budget_used, engine.state.seen
        self._started = self._last = time.monotonic()

    def line(self) -> str | None:
        """A line where one is due: the speed since the last line, the remaining time at the mean speed so far."""
        now, seen, used = time.monotonic(), self._engine.state.seen, self._engine.budget_used
        if now - self._last < PROGRESS_SECONDS:
            return None
        speed = (seen - self._seen) / (now - self._last)
        self._last, self._seen = now, seen
        parts = [f"{seen:,} samples", f"{speed:.1f} samples/s"]
        if used >= _MIN_SHARE:
            left = (now - self._started) * max(0.0, 1 - used) / max(used - self._first_used, 1e-9)
            parts.insert(1, f"{used:.1%} of the budget")
            parts.append(f"{timedelta(seconds=round(left))} left")
        if memory := memory_used(self._engine.fabric.device):
            parts.append(f"{memory['device_memory_gib']:.1f} of {memory['device_memory_total_gib']:.0f} GiB")
        return ", ".join(parts)


def format_row(row: MetricsRow) -> str:
    """A row of metrics on one line."""
    return "  ".join(f"{name} {value:,.6g}" for name, value in row.items())


def training_summary(engine: TrainingEngine) -> str:
    """A table of the network's modules for one image, then the run in samples, batches, epochs and steps."""
    params, state, dataset = engine.params, engine.state, engine.dataset
    batches = bucket_batches(dataset, params.batches)
    example = collate(dataset, batches[0][:1])
    images, tokens = example.images.to(engine.fabric.device), example.tokens.to(engine.fabric.device)
    rows = [("module", "type", "output", "weights"), *module_rows(state.average, images, tokens)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [f"{'  '.join(row[column].ljust(widths[column]) for column in range(3))}  {row[3]:>10}" for row in rows]
    lines += [
        f"for one image {tuple(images.shape)} and {tokens.shape[1]} tokens; "
        f"{sum(weight.numel() for weight in state.average.parameters()):,} weights in all",
        f"{len(dataset):,} samples in {len(batches):,} batches per epoch",
        f"gradient accumulation {params.gradient_accumulation}, world size {engine.fabric.world_size}, "
        f"device {engine.fabric.device.type}, precision {params.precision}",
        f"{_budget(engine, len(batches))}; {state.seen:,} samples done",
    ]
    return "\n".join(lines)


def _budget(engine: TrainingEngine, batches: int) -> str:
    total, deadline = engine.state.total, engine.params.budget.deadline_seconds
    if deadline is not None:
        return f"budget {deadline:,.0f} seconds from the first step on"
    if total == sys.maxsize:
        return "no budget: trains until a signal stops it"
    epochs = total / len(engine.dataset)
    steps = epochs * batches / engine.params.gradient_accumulation
    return f"budget {total:,} samples: {epochs:.1f} epochs, about {steps:,.0f} steps"


def module_rows(network: Network, images: Tensor, tokens: Tensor) -> list[tuple[str, str, str, str]]:
    """Name, type, shape of the output and number of weights of each module, in the order of their definition.

    A module that is only called through its submodules has no shape. Modules without weights are left out.
    """
    named = [(name, module) for name, module in network.named_modules() if name and name.count(".") < DEPTH]
    listed = [(name, module) for name, module in named if any(True for _ in module.parameters())]
    shapes: dict[str, str] = {}

    def hook(name: str) -> Callable[[nn.Module, object, object], None]:
        def record(_module: nn.Module, _inputs: object, output: object) -> None:
            if isinstance(output, Tensor):
                shapes[name] = str(tuple(output.shape))

        return record

    handles = [module.register_forward_hook(hook(name)) for name, module in listed]
    try:
        with torch.inference_mode():
            network(images, tokens[:, :-1])
    finally:
        for handle in handles:
            handle.remove()
    return [
        (
            "  " * name.count(".") + name.rpartition(".")[2],
            type(module).__name__,
            shapes.get(name, ""),
            f"{sum(weight.numel() for weight in module.parameters()):,}",
        )
        for name, module in listed
    ]
