"""What there is to compute on, in words, and as one or several processes.

reads  the variables that torchrun sets: LOCAL_WORLD_SIZE, GROUP_WORLD_SIZE
"""

import os
from typing import Literal

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from lightning_fabric.utilities.rank_zero import rank_zero_only


def describe_devices() -> str:
    """PyTorch's version and each accelerator with its memory, or that there is none."""
    found = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
    names = [f"{device.name} with {device.total_memory / 2**30:.0f} GiB" for device in found]
    return f"torch {torch.__version__}, " + (", ".join(names) or "no GPU: training runs on the processor")


def is_first_process() -> bool:
    """Whether this process writes; the others of a training on several devices only compute."""
    return int(getattr(rank_zero_only, "rank", 0)) == 0


def launch(accelerator: str, devices: int, precision: Literal["32-true", "bf16-mixed"], idle_weights: bool) -> Fabric:
    """One process a device, each running this program; those that torchrun has started count instead of `devices`.

    `idle_weights` says that some weights may get no gradient.
    """
    nodes = 1
    if torch.distributed.is_torchelastic_launched():
        devices, nodes = int(os.environ["LOCAL_WORLD_SIZE"]), int(os.environ["GROUP_WORLD_SIZE"])
    strategy = "auto" if devices * nodes == 1 else DDPStrategy(find_unused_parameters=idle_weights)
    fabric = Fabric(accelerator=accelerator, strategy=strategy, devices=devices, num_nodes=nodes, precision=precision)
    fabric.launch()
    return fabric
