"""What there is to compute on, in words."""

import torch


def describe_devices() -> str:
    """PyTorch's version and each accelerator with its memory, or that there is none."""
    found = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
    names = [f"{device.name} with {device.total_memory / 2**30:.0f} GiB" for device in found]
    return f"torch {torch.__version__}, " + (", ".join(names) or "no GPU: training runs on the processor")
