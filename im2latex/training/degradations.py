"""Degradations of cropped and photographed formulas: neighboring lines, frames, perspective, shadow, JPEG compression.

Functions of images (B, 1, H, W), 0 paper and 1 ink, on their device. Each has random numbers `draws` (B, n) between 0
and 1 of its own, so that the result for an image depends on no other image of the batch.
"""

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from im2latex.training.affine import ink_extent

_GAP_PX = 2
"""Smallest distance between the formula and what is added beside it."""
_SLIVER_PX = 6
_BLOCK = 8
_LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
"""ITU-T T.81 (JPEG), table K.1: steps of the quantization of luminance at quality 50."""


def slivers(ink: Tensor, share: float, draws: Tensor) -> Tensor:
    """Add edges of other lines at the upper and lower border of a share of the images; draws (B, 4).

    The edges are the image's own ink, shifted by half its width: the lowest rows at the top, the highest at the bottom.
    """
    height, width = ink.shape[-2:]
    top, bottom = (side.long() for side in ink_extent(ink, 3))
    row = torch.arange(height, device=ink.device)
    other = ink.roll(width // 2, dims=3)
    result = ink
    for place, above in ((0, True), (1, False)):
        chosen = draws[:, place] < share
        wanted = 1 + (draws[:, 2 + place] * _SLIVER_PX).long()
        free = top - _GAP_PX if above else height - bottom - _GAP_PX
        tall = torch.where(chosen, torch.minimum(wanted, free).clamp(min=0), 0)[:, None]
        source = row + bottom[:, None] - tall if above else row - (height - tall) + top[:, None]
        inside = (row < tall) if above else (row >= height - tall)
        rows = other.gather(2, source.clamp(0, height - 1)[:, None, :, None].expand_as(ink))
        result = torch.maximum(result, rows * inside[:, None, :, None])
    return result


def frames(ink: Tensor, rule: float, box: float, tint: float, draws: Tensor) -> Tensor:
    """Add a rule above or below, a box around and a tint behind a share of the formulas; draws (B, 6).

    Lines are one pixel thick and of random darkness; without space between formula and border none is added.
    """
    height, width = ink.shape[-2:]
    (top, bottom), (left, right) = (ink_extent(ink, 3), ink_extent(ink, 2))
    gap = _GAP_PX + (draws[:, 3] * 4).floor()
    dark = 0.4 + 0.6 * draws[:, 4]
    row = torch.arange(height, device=ink.device).view(1, -1, 1)
    column = torch.arange(width, device=ink.device).view(1, 1, -1)
    edges = [
        (edge + offset).view(-1, 1, 1)
        for edge, offset in ((top, -gap), (bottom, gap - 1), (left, -gap), (right, gap - 1))
    ]
    first, last, begin, end = edges
    within = (row >= first) & (row <= last) & (column >= begin) & (column <= end)
    border = within & ((row == first) | (row == last) | (column == begin) | (column == end))
    line = (
        torch.where((draws[:, 5] < 0.5).view(-1, 1, 1), row == first, row == last) & (column >= begin) & (column <= end)
    )
    marks = (line & _broadcast(draws[:, 0] < rule)) | (border & _broadcast(draws[:, 1] < box))
    lines = marks * dark.view(-1, 1, 1)
    behind = within & _broadcast(draws[:, 2] < tint)
    tinted = behind * (0.05 + 0.2 * draws[:, 4]).view(-1, 1, 1)
    return torch.maximum(torch.maximum(ink, lines[:, None]), tinted[:, None])


def keystone(ink: Tensor, max_share: float, draws: Tensor) -> Tensor:
    """Perspective: one of two opposite sides is up to `max_share` shorter; draws (B, 4). All ink stays inside."""
    shrink = max_share * draws[:, :2]
    side = torch.where(draws[:, 2:] < 0.5, -1.0, 1.0)
    height, width = ink.shape[-2:]
    y = (2 * torch.arange(height, device=ink.device) + 1) / height - 1
    x = (2 * torch.arange(width, device=ink.device) + 1) / width - 1
    y, x = y.view(1, -1, 1), x.view(1, 1, -1)
    across = 1 + shrink[:, :1, None] * (1 + side[:, :1, None] * y) / 2
    down = 1 + shrink[:, 1:, None] * (1 + side[:, 1:, None] * x) / 2
    grid = torch.stack([x * across, y * down], dim=-1)
    return F.grid_sample(ink, grid.to(ink.dtype), mode="bilinear", padding_mode="zeros", align_corners=False)


def shadow(ink: Tensor, max_share: float, draws: Tensor) -> Tensor:
    """Darken the paper linearly towards one side, by up to `max_share` of full ink; draws (B, 2)."""
    height, width = ink.shape[-2:]
    angle = 2 * torch.pi * draws[:, :1, None]
    y = torch.linspace(-0.5, 0.5, height, device=ink.device).view(1, -1, 1)
    x = torch.linspace(-0.5, 0.5, width, device=ink.device).view(1, 1, -1)
    ramp = (0.5 + (angle.cos() * x + angle.sin() * y) / 2**0.5).clamp(0, 1)
    return ink + (1 - ink) * (max_share * draws[:, 1:, None] * ramp)[:, None]


def jpeg(ink: Tensor, strength: float, draws: Tensor) -> Tensor:
    """JPEG compression at qualities down to 95 - 90 `strength`; draws (B, 1). Blocks start at the top left corner."""
    height, width = ink.shape[-2:]
    padded = F.pad(ink, (0, -width % _BLOCK, 0, -height % _BLOCK), mode="replicate")
    B, rows, columns = len(padded), padded.shape[2] // _BLOCK, padded.shape[3] // _BLOCK
    blocks = padded.view(B, 1, rows, _BLOCK, columns, _BLOCK).transpose(3, 4)
    place = torch.arange(_BLOCK, device=ink.device, dtype=ink.dtype)
    waves = (torch.pi * (2 * place + 1) * place[:, None] / (2 * _BLOCK)).cos() * (2 / _BLOCK) ** 0.5
    waves[0] *= 0.5**0.5
    quality = 95 - 90 * strength * draws[:, 0]
    scale = torch.where(quality < 50, 50 / quality, 2 - quality / 50)  # as in the library of the Independent JPEG Group
    steps = _luminance(ink.device, ink.dtype) * scale.view(-1, 1, 1, 1, 1, 1)
    steps = steps.clamp(min=1) / 255
    quantized = (waves @ (blocks - 0.5) @ waves.T / steps).round() * steps
    restored: Tensor = (waves.T @ quantized @ waves + 0.5).transpose(3, 4).flatten(4, 5).flatten(2, 3)
    return restored[..., :height, :width].clamp(0, 1)


@cache
def _luminance(device: torch.device, dtype: torch.dtype) -> Tensor:
    """The table (8, 8), sent to the device once, since sending waits for the device."""
    return torch.tensor(_LUMINANCE, device=device, dtype=dtype)


def _broadcast(chosen: Tensor) -> Tensor:
    """(B,) to (B, 1, 1)."""
    return chosen.view(-1, 1, 1)
