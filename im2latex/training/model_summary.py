"""Summary of a training before it starts: modules with output shapes and weights, then data and budget.

Ours rather than torchinfo's: a dependency for these few lines, which must not change the state of random generators.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from im2latex.models.model import Network
from im2latex.training.collate import collate
from im2latex.training.engine import TrainingEngine
from im2latex.training.sampler import bucket_batches

DEPTH = 2
"""Levels of modules in the table."""


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
        f"{len(dataset):,} samples in {len(batches):,} batches per epoch; {params.gradient_accumulation} batches per "
        f"step, divided among {engine.fabric.world_size} processes on {engine.fabric.device.type}, {params.precision}",
        f"{_budget(engine, len(batches))}; {state.seen:,} samples done",
    ]
    return "\n".join(lines)


def _budget(engine: TrainingEngine, batches: int) -> str:
    total, deadline = engine.state.total, engine.params.budget.deadline_seconds
    if deadline is not None:
        return f"budget {deadline:,.0f} seconds from the first step on"
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
