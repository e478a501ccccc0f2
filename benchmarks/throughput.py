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
from im2latex.models.model import Network
from im2latex.training.collate import collate
from im2latex.training.config import TrainParams
from im2latex.training.dataset import InMemoryDataset
from im2latex.training.devices import Precision, choose_precision
from im2latex.training.engine import TrainingEngine
from im2latex.training.sampler import BatchParams, bucket_batches

WARM_UP_STEPS = 5
COUNTED_BATCHES = 8
PEAK_SECONDS = 1.0


class Machine:
    """Where it is measured: `cpu` or `cuda`."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.device = torch.device(kind)

    def finish(self) -> None:
        """Wait until all that was asked for is done."""
        if self.kind == "cuda":
            torch.cuda.synchronize()

    def forget(self) -> None:
        """Start counting memory anew, where that can be."""
        if self.kind == "cuda":
            torch.cuda.reset_peak_memory_stats()

    def peak_mb(self) -> float:
        """The most memory taken, in MiB: of an accelerator since `forget`, of this process since its start."""
        if self.kind == "cuda":
            return torch.cuda.max_memory_allocated() / 2**20
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10

    def rate(self, work: Callable[[], int], seconds: float) -> float:
        """What `work` says it did, a second, over at least so many seconds."""
        done = 0
        self.finish()
        started = time.perf_counter()
        while time.perf_counter() - started < seconds:
            done += work()
            self.finish()
        return done / (time.perf_counter() - started)

    def matmul_peak(self, precision: str) -> float:
        """Floating-point operations a second in products of large square matrices of random numbers."""
        side = 8192 if self.kind == "cuda" else 1024
        kind = torch.bfloat16 if precision == "bf16-mixed" else torch.float32
        a, b = (torch.randn(side, side, device=self.device).to(kind) for _ in range(2))

        def multiply() -> int:
            torch.mm(a, b)
            return 2 * side**3

        multiply()
        return self.rate(multiply, PEAK_SECONDS)


def measure(
    params: TrainParams,
    precision: Precision,
    samples: InMemoryDataset,
    vocabulary: Vocabulary,
    machine: Machine,
    batch_sizes: list[int],
    seconds: float,
) -> dict[str, object]:
    """All figures of one arithmetic; shares are of the measured matrix product in the same one."""
    accelerator = "gpu" if machine.kind == "cuda" else "cpu"
    arithmetic = choose_precision(precision, accelerator)
    chosen = params.model_copy(update={"precision": arithmetic})
    fabric = Fabric(accelerator=accelerator, devices=1, precision=arithmetic)
    peak = machine.matmul_peak(arithmetic)
    machine.forget()
    engine = TrainingEngine(fabric, chosen, samples, vocabulary, dataset_hash="", folder=Path())  # nothing is saved
    engine.state.total = sys.maxsize

    def train() -> int:
        before = engine.state.seen
        engine.train_step()
        return engine.state.seen - before

    for _ in range(WARM_UP_STEPS):
        train()
    trained = machine.rate(train, seconds)
    flops = _flops_per_sample(engine, samples, chosen)
    memory = machine.peak_mb()
    with torch.inference_mode(), fabric.autocast():
        read = {size: _reading(engine.state.average, samples, machine, size, seconds / 2) for size in batch_sizes}
    return {
        "parameters": sum(weight.numel() for weight in engine.state.average.parameters()),
        "trained_per_second": round(trained, 1),
        "gflop_per_sample": round(flops / 1e9, 3),
        "matmul_gflop_per_second": round(peak / 1e9, 1),
        "share_of_peak": round(flops * trained / peak, 4),
        "training_peak_mb": round(memory),
        "read_per_second": {str(size): round(rate, 1) for size, rate in read.items()},
    }


def _flops_per_sample(engine: TrainingEngine, samples: InMemoryDataset, params: TrainParams) -> float:
    """Matrix products and convolutions of forward and backward; those of optimizer and average are not counted."""
    batches = bucket_batches(samples, params.batches, [params.seed, 0])[:COUNTED_BATCHES]
    with FlopCounterMode(display=False) as counter:
        for place in range(len(batches)):
            batch = engine.batches.batch(place, None)
            scores: list[Tensor] = [
                part for part in engine.network(batch.images, batch.tokens[:, :-1])[:2] if part is not None
            ]
            engine.fabric.backward(torch.stack([part.float().mean() for part in scores]).sum())
    engine.network.zero_grad(set_to_none=True)
    return float(counter.get_total_flops()) / sum(map(len, batches))


def _reading(network: Network, samples: InMemoryDataset, machine: Machine, size: int, seconds: float) -> float:
    """Images a second, by greedy search over batches of one size; each runs as long as its longest label has tokens.

    A network in training may not know how to end a formula: then it would be timed on lengths that no formula has.
    """
    many = BatchParams(max_images=size, max_pixels=2**62, max_tokens=2**62)
    batches = [batch for batch in bucket_batches(samples, many, [0]) if len(batch) == size] or bucket_batches(
        samples, many
    )
    sent = [collate(samples, batch) for batch in batches[:COUNTED_BATCHES]]
    place = 0

    def read() -> int:
        nonlocal place
        batch = sent[place % len(sent)]
        place += 1
        greedy(network, batch.images.to(machine.device), batch.tokens.shape[1] - 1)
        return len(batch.ids)

    read()
    return machine.rate(read, seconds)
