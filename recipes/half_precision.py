"""Checkpoints in half precision."""

import torch

from im2latex.models.model import Network


def halve(network: Network) -> Network:
    """Convert the weights to float16, in place; returns the network.

    Statistics of batch norms stay float32: variances of `fast-base` exceed 65,504, the largest number of float16.
    """
    for weight in network.parameters():
        weight.data = weight.data.to(torch.float16)
    return network
