"""Checkpoints in half precision."""

import torch

from im2latex.models.model import Network


def to_half(network: Network) -> Network:
    """Convert the parameters to float16 in place and return the network.

    Running statistics of batch norms stay float32: variances of `fast-base` exceed 65,504, the largest float16.
    """
    for weight in network.parameters():
        weight.data = weight.data.to(torch.float16)
    return network
