"""Batch size finder: limits of a batch that are `auto`, found by measuring the memory of training steps.

The idea is that of Lightning's `BatchSizeFinder`. A step is tried on copies of a sample of the largest shape; a batch
of smaller shapes with no more pixels and tokens needs no more memory. The next size is extrapolated from those
measured, so that no step is expected to run out of memory: in one of several processes, that would leave the others
waiting.
"""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from lightning_fabric import Fabric

from im2latex.training.collate import Batch, collate
from im2latex.training.dataloader import BatchSource, to_device
from im2latex.training.dataset import MemoryMappedDataset, largest_sample
from im2latex.training.devices import AcceleratorMemory, accelerator_memory, over_processes
from im2latex.training.engine import TrainingEngine
from im2latex.training.sampler import AutoBatchParams, BatchParams

MEMORY_SHARE = 0.8
"""Share of the memory that a step may use; fragments, the kernels' workspace and other libraries need some."""
MULTIPLE = 8
"""Larger sizes are multiples of this, so that a little more or less free memory gives the same."""

BuildEngine = Callable[[MemoryMappedDataset, BatchSource], TrainingEngine]


class _RepeatedSample(BatchSource):
    """Batches of `size` times the sample of a dataset of one."""

    def __init__(self, dataset: MemoryMappedDataset, device: torch.device, tokens_step: int) -> None:
        self._dataset, self._device, self._tokens_step = dataset, device, tokens_step
        self.size = 1

    def indices(self, _position: int) -> list[int]:
        return [0] * self.size

    def batch(self, position: int, generator: torch.Generator | None) -> Batch:
        batch = collate(self._dataset, self.indices(position), generator, self._tokens_step)
        return Batch(to_device(batch.images, self._device), to_device(batch.tokens, self._device), batch.indices)


def resolve_batches(
    params: AutoBatchParams,
    known: Mapping[str, Any],
    fabric: Fabric,
    dataset: MemoryMappedDataset,
    image_bytes: int,
    build_engine: BuildEngine,
) -> tuple[BatchParams, str]:
    """Put numbers in the place of limits that are `auto`; returns the limits, and a line on how they were found.

    A resumed run has the `known` limits of its saved part. A device other than a GPU has the defaults. Else the limits
    are N images, and the pixels and tokens of N samples of the largest shape, for the largest N whose step fits, with
    `image_bytes` for the images of the dataset; all processes find the same.
    """
    keys = params.auto_keys
    if not keys:
        return params, ""
    memory = accelerator_memory(fabric.device)
    if all(name in known for name in keys):
        found, how = dict(known), "as in the saved part of this run"
    elif memory is None:
        found = BatchParams().model_dump()
        how = f"the default, since there is no memory of a GPU to measure on device {fabric.device.type}"
    else:
        found, how = _measure(params, memory, fabric, dataset, image_bytes, build_engine)
        memory.release()
    limits = BatchParams.model_validate(params.model_dump() | {name: found[name] for name in keys})
    values = ", ".join(f"{name} = {found[name]}" for name in keys)
    return limits, f"train.batches: auto is {values}: {how}"


def _measure(
    params: AutoBatchParams,
    memory: AcceleratorMemory,
    fabric: Fabric,
    dataset: MemoryMappedDataset,
    image_bytes: int,
    build_engine: BuildEngine,
) -> tuple[dict[str, Any], str]:
    """The limits for the memory of the accelerators, and a text on what was measured."""
    largest = largest_sample(dataset)
    source = _RepeatedSample(largest, fabric.device, params.tokens_step)
    total = memory.usable()
    limit = over_processes(fabric, int(total * MEMORY_SHARE) - image_bytes, "min")
    engine = build_engine(largest, source)
    engine.state.total = 2**62
    scaler = engine.state.scaler  # that of the run, whose first scale must not depend on this
    scale = copy.deepcopy(scaler.state_dict()) if scaler else {}

    def peak(size: int) -> int:
        source.size, engine.state.step = size, 0  # after more steps the losses, which mean nothing here, are checked
        return over_processes(fabric, memory.peak(engine.train_step), "max")

    peak(1)  # allocates the state of the optimizers
    most = len(dataset) if params.max_images == "auto" else min(len(dataset), params.max_images)
    size, used = find_batch_size(peak, limit, most)
    if scaler:
        scaler.load_state_dict(scale)
    shape = largest.shapes[0]
    found = {
        "max_images": size,
        "max_pixels": max(size * shape.height * shape.width, 512),
        "max_tokens": max(size * (shape.tokens + 2), 8),
    }
    how = (
        f"a step on {size} images of {shape.height}x{shape.width} pixels and {shape.tokens} tokens holds "
        f"{used / 2**30:.1f} of {total / 2**30:.1f} GiB, and images of the dataset up to {image_bytes / 2**30:.1f}. "
        "A GPU with more or less memory gives other batches, and other weights; these numbers, set in place of auto, "
        "repeat this run"
    )
    return found, how


def find_batch_size(peak: Callable[[int], int], limit: int, most: int) -> tuple[int, int]:
    """The largest size, from 1 to `most`, whose `peak` memory is within `limit`, and that peak; both in bytes.

    The next size is at most twice the last one, and fits if memory grows no faster than so far; of one sample alone it
    is unknown what part belongs to the weights, so two are tried where twice its memory is within the limit.
    """
    size, first = 1, peak(1)
    used, per_sample = first, max(1, first)
    while (target := min(most, 2 * size, size + (limit - used) // per_sample)) > size:
        found = peak(target)
        if found > limit:
            most = (size + target) // 2
            continue
        per_sample = max(1, -(-(found - used) // (target - size)), -(-(found - first) // (target - 1)))
        size, used = target, found
    if size > MULTIPLE:
        size -= size % MULTIPLE
        used = peak(size)
    return size, used
