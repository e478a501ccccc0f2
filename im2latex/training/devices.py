"""Devices and processes of a training run: description, precision, launch, synchronized batch normalization.

reads  the variables that torchrun sets: LOCAL_WORLD_SIZE, GROUP_WORLD_SIZE
"""

import gc
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from im2latex.errors import ParamsError

if TYPE_CHECKING:  # of the extra `train`; the parameters and the description of devices need only torch
    from lightning_fabric import Fabric

ResolvedPrecision = Literal["32-true", "bf16-mixed", "16-mixed"]
Precision = Literal["auto", "32-true", "bf16-mixed", "16-mixed"]
PRECISIONS: tuple[ResolvedPrecision, ...] = get_args(ResolvedPrecision)

MIN_SPEEDUP = 1.5
"""How much faster products in 16 bits must be for `auto` to choose them: casts and float32 operations cost time too."""
_SIDE, _GPU_SIDE = 256, 2048
_REPEATS = 5


def describe_devices() -> str:
    """PyTorch version, and each accelerator with its memory."""
    found = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
    names = [f"{device.name} with {device.total_memory / 2**30:.0f} GiB" for device in found]
    return f"torch {torch.__version__}, " + (", ".join(names) or "no GPU: training runs on the CPU")


def memory_used(device: torch.device) -> dict[str, float]:
    """Largest memory of the tensors on an accelerator so far and its size, in GiB; empty for the CPU."""
    if device.type != "cuda":
        return {}
    peak, size = torch.cuda.max_memory_allocated(device), torch.cuda.get_device_properties(device).total_memory
    return {"device_memory_gib": peak / 2**30, "device_memory_total_gib": size / 2**30}


class AcceleratorMemory:
    """What the tensors of this process hold of an accelerator, in bytes."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def usable(self) -> int:
        """What this process holds or can still get."""
        return torch.cuda.mem_get_info(self._device)[0] + torch.cuda.memory_reserved(self._device)

    def peak(self, step: Callable[[], None]) -> int:
        """The most that is held during a `step`."""
        self.release()
        step()
        torch.cuda.synchronize(self._device)
        return torch.cuda.max_memory_allocated(self._device)

    def release(self) -> None:
        """Free what no tensor needs, so that tensors of other shapes get it; peaks count from now on."""
        gc.collect()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(self._device)


def accelerator_memory(device: torch.device) -> AcceleratorMemory | None:
    """The memory of an accelerator; None for a device that has none of its own, or does not tell."""
    return AcceleratorMemory(device) if device.type == "cuda" else None


def process_rank() -> int:
    """Rank of this process of a training; that of rank 0 writes, the others only compute."""
    from lightning_fabric.utilities.rank_zero import rank_zero_only

    return int(getattr(rank_zero_only, "rank", 0))


def choose_precision(requested: Precision, accelerator: str) -> ResolvedPrecision:
    """Resolve `auto` by timing matrix products: 20 ms on a CPU that has bfloat16, else under a second.

    Devices without bfloat16 emulate it, slower than float32: CPUs without its instructions, and GPUs before Ampere,
    such as V100 and T4, which are fast in float16. Raises `ParamsError` where a CPU is asked for 16-mixed, or, with the
    measured rates, for a bf16-mixed that it emulates.
    """
    if requested == "32-true":
        return requested
    if _on_gpu(accelerator):
        return requested if requested != "auto" else _fastest_on_gpu()
    if requested == "16-mixed":
        raise ParamsError("train.precision = 16-mixed: float16 is for GPUs; set 32-true, or auto")
    single, half = (_matmul_flops(dtype) for dtype in (torch.float32, torch.bfloat16))
    if requested == "bf16-mixed" and half < single:
        raise ParamsError(
            f"train.precision = bf16-mixed: this CPU multiplies matrices at {half / 1e9:.1f} GFLOP/s in bfloat16 "
            f"and at {single / 1e9:.1f} in float32; set 32-true, or auto"
        )
    return "bf16-mixed" if requested == "bf16-mixed" or half >= MIN_SPEEDUP * single else "32-true"


def _on_gpu(accelerator: str) -> bool:
    return accelerator != "cpu" and torch.cuda.is_available()


def _fastest_on_gpu() -> ResolvedPrecision:
    """The precision that is worth its casts; bfloat16 before float16, since it needs no scaling of the loss."""
    single = _matmul_flops(torch.float32, "cuda")
    if _matmul_flops(torch.bfloat16, "cuda") >= MIN_SPEEDUP * single:
        return "bf16-mixed"
    return "16-mixed" if _matmul_flops(torch.float16, "cuda") >= MIN_SPEEDUP * single else "32-true"


def _matmul_flops(dtype: torch.dtype, device: str = "cpu") -> float:
    """Floating-point operations per second of a matrix product, the fastest of some."""
    side = _SIDE if device == "cpu" else _GPU_SIDE
    a, b = (torch.ones(side, side, dtype=dtype, device=device) for _ in range(2))
    seconds = []
    for _ in range(_REPEATS + 1):  # the first prepares the kernel
        started = time.perf_counter()
        torch.mm(a, b)
        if device != "cpu":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    return 2 * side**3 / min(seconds)


def launch(accelerator: str, devices: int, precision: ResolvedPrecision, unused_weights: bool) -> "Fabric":
    """Start one process per device, each running this program; processes started by torchrun replace `devices`.

    `unused_weights`: some weights may have no gradient. With 16 bits, float32 products on a GPU use TF32. Raises
    `ParamsError` where the machine lacks the devices, or the processes have chosen different precisions.
    """
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.precision.amp import MixedPrecision
    from lightning_fabric.strategies.ddp import DDPStrategy
    from lightning_fabric.utilities.exceptions import MisconfigurationException

    nodes = 1
    if torch.distributed.is_torchelastic_launched():
        devices, nodes = int(os.environ["LOCAL_WORLD_SIZE"]), int(os.environ["GROUP_WORLD_SIZE"])
    if precision != "32-true" and _on_gpu(accelerator):
        torch.set_float32_matmul_precision("high")
    strategy = "auto" if devices * nodes == 1 else DDPStrategy(find_unused_parameters=unused_weights)
    plugin = None
    if precision == "16-mixed":

        class LossScaling(MixedPrecision):
            """Steps without an update of the scale, which `TrainingEngine` does once for all optimizers of a step."""

            def optimizer_step(self, optimizer: Any, **arguments: Any) -> Any:
                assert self.scaler is not None
                return self.scaler.step(optimizer, **arguments)

        device = "cuda" if _on_gpu(accelerator) else "cpu"
        plugin = LossScaling("16-mixed", device, torch.amp.GradScaler(device))
    try:
        fabric = Fabric(
            accelerator=accelerator,
            strategy=strategy,
            devices=devices,
            num_nodes=nodes,
            precision=None if plugin else precision,
            plugins=plugin,
        )
    except (RuntimeError, MisconfigurationException) as error:
        raise ParamsError(
            f"trainer.accelerator = {accelerator}, trainer.devices = {devices}: {' '.join(str(error).split())}"
        ) from None
    fabric.launch()
    least, most = (over_processes(fabric, PRECISIONS.index(precision), reduction) for reduction in ("min", "max"))
    if least != most:
        raise ParamsError(
            f"train.precision = auto: {PRECISIONS[least]} is best for one process and {PRECISIONS[most]} for another; "
            "set one of them, or start again"
        )
    return fabric


def over_processes(fabric: "Fabric", value: int, reduction: Literal["min", "max"]) -> int:
    """The least or the greatest value of all processes."""
    return int(fabric.all_reduce(torch.tensor(value, device=fabric.device), reduce_op=reduction))  # type: ignore[arg-type]


def convert_sync_batch_norm(network: nn.Module) -> None:
    """Replace every batch norm by a `SyncBatchNorm`, where there are several processes."""
    if not (dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1):
        return
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if isinstance(child, _BatchNorm):
                setattr(parent, name, SyncBatchNorm(child))


class SyncBatchNorm(nn.Module):
    """Batch normalization over all processes: (B, C, ...) to the same shape.

    Shares weights, buffers and settings of `norm` under the same names. PyTorch's SyncBatchNorm supports GPUs only;
    this one runs with any backend of torch.distributed.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, norm: _BatchNorm) -> None:
        super().__init__()
        self.weight, self.bias, self.eps, self.momentum = norm.weight, norm.bias, norm.eps, norm.momentum
        for name, buffer in norm.named_buffers():
            self.register_buffer(name, buffer)

    def forward(self, x: Tensor) -> Tensor:
        """Normalize as torch.nn.BatchNorm2d, in training with mean and variance over all processes."""
        if not self.training:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        shape = [1, -1] + [1] * (x.dim() - 2)
        others = [0, *range(2, x.dim())]
        x32 = x.float()
        count = all_reduce_sum(x32.new_tensor(x.numel() / x.shape[1]))
        mean = all_reduce_sum(x32.sum(others)) / count
        centered = x32 - mean.view(shape)
        variance = all_reduce_sum(centered.square().sum(others)) / count
        self.num_batches_tracked += 1
        weight = 1 / self.num_batches_tracked if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.detach(), weight)
        self.running_var.lerp_(variance.detach() * count / (count - 1), weight)
        scale = (variance + self.eps).rsqrt() * self.weight
        normed: Tensor = (centered * scale.view(shape) + self.bias.view(shape)).to(x.dtype)
        return normed


def all_reduce_sum(part: Tensor) -> Tensor:
    """Sum of `part` over all processes, differentiable."""
    whole: Tensor = _AllReduceSum.apply(part)  # type: ignore[no-untyped-call]
    return whole


class _AllReduceSum(torch.autograd.Function):
    """Sum over all processes; the gradient of each part is the sum of the gradients of all processes."""

    @staticmethod
    def forward(_context: Any, part: Tensor) -> Tensor:
        whole = part.clone()
        dist.all_reduce(whole)
        return whole

    @staticmethod
    def backward(_context: Any, gradient: Tensor) -> Tensor:
        whole = gradient.contiguous().clone()
        dist.all_reduce(whole)
        return whole
