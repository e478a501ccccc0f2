"""Throughput and memory of training and inference, relative to the peak of the device."""

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.decoding.greedy import greedy
from im2latex.engines.torch_engine import TorchEngine
from im2latex.models.model import Network
from im2latex.training.collate import collate
from im2latex.training.config import TrainParams
from im2latex.training.dataset import MemoryMappedDataset
from im2latex.training.devices import Precision, choose_precision
from im2latex.training.engine import TrainingEngine
from im2latex.training.sampler import BatchParams, bucket_batches

WARM_UP_STEPS = 5
COUNTED_BATCHES = 8
PEAK_SECONDS = 1.0


class Device:
    """The device to measure: `cpu` or `cuda`."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.device = torch.device(kind)

    def synchronize(self) -> None:
        """Wait for all queued work."""
        if self.kind == "cuda":
            torch.cuda.synchronize()

    def reset_peak_memory(self) -> None:
        """Reset the peak memory of an accelerator."""
        if self.kind == "cuda":
            torch.cuda.reset_peak_memory_stats()

    def peak_mb(self) -> float:
        """Peak memory in MiB: of an accelerator since the reset, of a CPU process since its start."""
        if self.kind == "cuda":
            return torch.cuda.max_memory_allocated() / 2**20
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10

    def rate(self, work: Callable[[], int], seconds: float) -> float:
        """Items per second of `work`, which returns the number of its items, over at least `seconds`."""
        done = 0
        self.synchronize()
        started = time.perf_counter()
        while time.perf_counter() - started < seconds:
            done += work()
            self.synchronize()
        return done / (time.perf_counter() - started)

    def matmul_peak(self, precision: str) -> float:
        """Floating-point operations per second of products of large square matrices."""
        side = 8192 if self.kind == "cuda" else 1024
        dtype = torch.bfloat16 if precision == "bf16-mixed" else torch.float32
        a, b = (torch.randn(side, side, device=self.device).to(dtype) for _ in range(2))

        def multiply() -> int:
            torch.mm(a, b)
            return 2 * side**3

        multiply()
        return self.rate(multiply, PEAK_SECONDS)


def measure(
    params: TrainParams,
    precision: Precision,
    samples: MemoryMappedDataset,
    vocabulary: Vocabulary,
    device: Device,
    batch_sizes: list[int],
    seconds: float,
) -> dict[str, object]:
    """All figures of one precision; shares are relative to the measured matrix product in the same precision."""
    accelerator = "gpu" if device.kind == "cuda" else "cpu"
    chosen_precision = choose_precision(precision, accelerator)
    chosen = params.model_copy(update={"precision": chosen_precision})
    fabric = Fabric(accelerator=accelerator, devices=1, precision=chosen_precision)
    peak = device.matmul_peak(chosen_precision)
    device.reset_peak_memory()
    engine = TrainingEngine(fabric, chosen, samples, vocabulary, dataset_hash="", folder=Path())  # without saving
    engine.state.total = sys.maxsize

    def train() -> int:
        before = engine.state.seen
        engine.train_step()
        return engine.state.seen - before

    for _ in range(WARM_UP_STEPS):
        train()
    trained = device.rate(train, seconds)
    flops = _flops_per_sample(engine, samples, chosen)
    memory = device.peak_mb()
    with torch.inference_mode(), fabric.autocast():
        inference = {size: _inference(engine.state.average, samples, device, size, seconds / 2) for size in batch_sizes}
    return {
        "parameters": sum(weight.numel() for weight in engine.state.average.parameters()),
        "training_samples_per_second": round(trained, 1),
        "gflop_per_sample": round(flops / 1e9, 3),
        "matmul_gflop_per_second": round(peak / 1e9, 1),
        "share_of_peak": round(flops * trained / peak, 4),
        "training_peak_mb": round(memory),
        "inference_images_per_second": {str(size): round(rate, 1) for size, rate in inference.items()},
    }


def _flops_per_sample(engine: TrainingEngine, samples: MemoryMappedDataset, params: TrainParams) -> float:
    """Operations of matrix products and convolutions in forward and backward pass, without optimizer and average."""
    batches = bucket_batches(samples, params.batches, [params.seed, 0])[:COUNTED_BATCHES]
    with FlopCounterMode(display=False) as counter:
        for position in range(len(batches)):
            batch = engine.batches.batch(position, None)
            logits: list[Tensor] = [
                part for part in engine.network(batch.images, batch.tokens[:, :-1])[:2] if part is not None
            ]
            engine.fabric.backward(torch.stack([part.float().mean() for part in logits]).sum())
    engine.network.zero_grad(set_to_none=True)
    return float(counter.get_total_flops()) / sum(map(len, batches))


def _inference(network: Network, samples: MemoryMappedDataset, device: Device, size: int, seconds: float) -> float:
    """Images per second of greedy search over batches of one size, with as many steps as the longest label has tokens.

    A network in training may never predict the end token, and would be timed on unrealistic lengths.
    """
    limits = BatchParams(max_images=size, max_pixels=2**62, max_tokens=2**62)
    batches = [batch for batch in bucket_batches(samples, limits, [0]) if len(batch) == size] or bucket_batches(
        samples, limits
    )
    collated = [collate(samples, batch) for batch in batches[:COUNTED_BATCHES]]
    position = 0

    def predict() -> int:
        nonlocal position
        batch = collated[position % len(collated)]
        position += 1
        greedy(TorchEngine(network), batch.images[:, 0].numpy(), batch.tokens.shape[1] - 1)
        return len(batch.images)

    predict()
    return device.rate(predict, seconds)
