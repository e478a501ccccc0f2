"""Synchronized batch normalization, and statistics estimated anew for averaged weights.

PyTorch's SyncBatchNorm supports GPUs only; this one runs with any backend of torch.distributed.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from im2latex.models.model import Network


class SyncBatchNorm(nn.Module):
    """Shares weights, buffers and settings of `norm` under the same names; (B, C, ...) to the same shape."""

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


def all_reduce_sum(part: Tensor) -> Tensor:
    """Sum of `part` over all processes, differentiable."""
    whole: Tensor = _AllReduceSum.apply(part)  # type: ignore[no-untyped-call]
    return whole


def convert_sync_batch_norm(network: nn.Module) -> None:
    """Replace every batch norm by a `SyncBatchNorm`, where there are several processes."""
    if not (dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1):
        return
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if isinstance(child, _BatchNorm):
                setattr(parent, name, SyncBatchNorm(child))


@torch.no_grad()
def update_batch_norm(network: Network, batches: Sequence[Tensor]) -> None:
    """Replace the statistics of every batch norm by their mean over `batches` of images (B, 1, H, W).

    Like `torch.optim.swa_utils.update_bn`, but each batch is weighted by its number of images: batches of small images
    are larger. The mode of all other modules is unchanged.
    """
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.train()
    seen = 0
    for images in batches if norms else ():
        seen += len(images)
        for norm in norms:
            norm.momentum = len(images) / seen  # the weight of this batch in the mean so far
        network.encode(images)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()
