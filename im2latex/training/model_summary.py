"""What a run is about to do, as text: the modules of the network with their shapes and weights, and the budget."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from im2latex.models.model import Network
from im2latex.training.collate import collate
from im2latex.training.run import Run
from im2latex.training.sampler import bucket_batches

DEPTH = 2
"""Levels of modules that are listed."""


def training_summary(run: Run) -> str:
    """A table of the modules for one image, then the run in samples, batches, epochs and steps."""
    batches = bucket_batches(run.samples, run.params.batches)
    example = collate(run.samples, batches[0][:1])
    images, tokens = example.images.to(run.fabric.device), example.tokens.to(run.fabric.device)
    rows = [("part", "kind", "output", "weights"), *module_rows(run.state.average, images, tokens)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [f"{'  '.join(row[column].ljust(widths[column]) for column in range(3))}  {row[3]:>10}" for row in rows]
    state, count, params = run.state, len(run.samples), run.params
    steps = state.total / count * len(batches) / params.accumulate
    lines += [
        f"for one image {tuple(images.shape)} and {tokens.shape[1]} tokens; "
        f"{sum(weight.numel() for weight in run.state.average.parameters()):,} weights in all",
        f"{count:,} samples in {len(batches):,} batches an epoch; {params.accumulate} batches a step, "
        f"divided among {run.fabric.world_size} processes on {run.fabric.device.type}, {params.precision}",
        f"{_budget(run, steps)}; {state.seen:,} samples done",
    ]
    return "\n".join(lines)


def _budget(run: Run, steps: float) -> str:
    total, deadline = run.state.total, run.params.budget.deadline_seconds
    if deadline is not None:
        return f"budget {deadline:,.0f} seconds from the first step on"
    return f"budget {total:,} samples: {total / len(run.samples):.1f} epochs, about {steps:,.0f} steps"


def module_rows(network: Network, images: Tensor, tokens: Tensor) -> list[tuple[str, str, str, str]]:
    """Name, kind, shape of the output and number of weights of each part, in the order of their definition.

    A module that is called through its own modules only has no shape. Modules without weights are left out.
    """
    named = [(name, part) for name, part in network.named_modules() if name and name.count(".") < DEPTH]
    listed = [(name, part) for name, part in named if any(True for _ in part.parameters())]
    shapes: dict[str, str] = {}

    def noting(name: str) -> Callable[[nn.Module, object, object], None]:
        def note(_module: nn.Module, _inputs: object, output: object) -> None:
            if isinstance(output, Tensor):
                shapes[name] = str(tuple(output.shape))

        return note

    handles = [part.register_forward_hook(noting(name)) for name, part in listed]
    try:
        with torch.inference_mode():
            network(images, tokens[:, :-1])
    finally:
        for handle in handles:
            handle.remove()
    return [
        (
            "  " * name.count(".") + name.rpartition(".")[2],
            type(part).__name__,
            shapes.get(name, ""),
            f"{sum(weight.numel() for weight in part.parameters()):,}",
        )
        for name, part in listed
    ]
