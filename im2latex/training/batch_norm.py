"""Batch norm statistics of averaged weights."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from im2latex.models.model import Network


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
