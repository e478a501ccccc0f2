"""Where a token or a grid position is, as features: sines and cosines of many wavelengths."""

import math

import torch
from torch import Tensor


def sinusoids(length: int, features: int, device: torch.device) -> Tensor:
    """Sine and cosine positions (length, features) of Vaswani et al. 2017, section 3.5; `features` is even."""
    rates = torch.exp(torch.arange(0, features, 2, device=device) * (-math.log(10_000.0) / features))
    angles = torch.arange(length, device=device)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)


def positions_2d(height: int, width: int, features: int, device: torch.device) -> Tensor:
    """Positions (features, height, width): the first half of the features tells the row, the second the column."""
    rows = sinusoids(height, features // 2, device).T[:, :, None].expand(-1, height, width)
    columns = sinusoids(width, features // 2, device).T[:, None, :].expand(-1, height, width)
    return torch.cat([rows, columns])
