"""What comes along when people crop or photograph a formula: other ink, a box, a tint, a shadow, JPEG.

On pages of ink (B, 1, H, W), 0 paper and 1 ink, on the device they are on. Each function takes draws (B, n) within 0
and 1 of its own, so that an image depends on no other image of the batch.
"""

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from im2latex.training.affine import ink_extent

_GAP_PX = 2
"""Least paper between the formula and what is put beside it."""
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
    """Put the edges of other lines at the upper and lower border of a share of the pages; draws (B, 4).

    The ink is the page's own: its lowest rows at the top, its highest at the bottom, moved sideways by half a page.
    """
    height, width = ink.shape[-2:]
    top, bottom = (side.long() for side in ink_extent(ink, 3))
    row = torch.arange(height, device=ink.device)
    other = ink.roll(width // 2, dims=3)
    result = ink
    for place, above in ((0, True), (1, False)):
        chosen = draws[:, place] < share
        wanted = 1 + (draws[:, 2 + place] * _SLIVER_PX).long()
        room = top - _GAP_PX if above else height - bottom - _GAP_PX
        tall = torch.where(chosen, torch.minimum(wanted, room).clamp(min=0), 0)[:, None]
        source = row + bottom[:, None] - tall if above else row - (height - tall) + top[:, None]
        inside = (row < tall) if above else (row >= height - tall)
        rows = other.gather(2, source.clamp(0, height - 1)[:, None, :, None].expand_as(ink))
        result = torch.maximum(result, rows * inside[:, None, :, None])
    return result


def frames(ink: Tensor, rule: float, box: float, tint: float, draws: Tensor) -> Tensor:
    """A rule above or below, a box around and a tint behind the formula, each on a share of the pages; draws (B, 6).

    Lines are one pixel thick and as dark as drawn; where there is no room between formula and border, none is.
    """
    height, width = ink.shape[-2:]
    (top, bottom), (left, right) = (ink_extent(ink, 3), ink_extent(ink, 2))
    gap = _GAP_PX + (draws[:, 3] * 4).floor()
    dark = 0.4 + 0.6 * draws[:, 4]
    row = torch.arange(height, device=ink.device).view(1, -1, 1)
    column = torch.arange(width, device=ink.device).view(1, 1, -1)
    edges = [
        (edge + way).view(-1, 1, 1) for edge, way in ((top, -gap), (bottom, gap - 1), (left, -gap), (right, gap - 1))
    ]
    first, last, begin, end = edges
    within = (row >= first) & (row <= last) & (column >= begin) & (column <= end)
    border = within & ((row == first) | (row == last) | (column == begin) | (column == end))
    line = (
        torch.where((draws[:, 5] < 0.5).view(-1, 1, 1), row == first, row == last) & (column >= begin) & (column <= end)
    )
    marks = (line & _drawn(draws[:, 0] < rule)) | (border & _drawn(draws[:, 1] < box))
    lines = marks * dark.view(-1, 1, 1)
    behind = within & _drawn(draws[:, 2] < tint)
    tinted = behind * (0.05 + 0.2 * draws[:, 4]).view(-1, 1, 1)
    return torch.maximum(torch.maximum(ink, lines[:, None]), tinted[:, None])


def keystone(ink: Tensor, most: float, draws: Tensor) -> Tensor:
    """A page seen at a slant: one side of each pair is up to a share `most` shorter; draws (B, 4). No ink leaves it."""
    shrink = most * draws[:, :2]
    way = torch.where(draws[:, 2:] < 0.5, -1.0, 1.0)
    height, width = ink.shape[-2:]
    y = (2 * torch.arange(height, device=ink.device) + 1) / height - 1
    x = (2 * torch.arange(width, device=ink.device) + 1) / width - 1
    y, x = y.view(1, -1, 1), x.view(1, 1, -1)
    across = 1 + shrink[:, :1, None] * (1 + way[:, :1, None] * y) / 2
    down = 1 + shrink[:, 1:, None] * (1 + way[:, 1:, None] * x) / 2
    grid = torch.stack([x * across, y * down], dim=-1)
    return F.grid_sample(ink, grid.to(ink.dtype), mode="bilinear", padding_mode="zeros", align_corners=False)


def shadow(ink: Tensor, most: float, draws: Tensor) -> Tensor:
    """Paper that darkens from one side to the other, by up to a share `most` of full ink; draws (B, 2)."""
    height, width = ink.shape[-2:]
    angle = 2 * torch.pi * draws[:, :1, None]
    y = torch.linspace(-0.5, 0.5, height, device=ink.device).view(1, -1, 1)
    x = torch.linspace(-0.5, 0.5, width, device=ink.device).view(1, 1, -1)
    ramp = (0.5 + (angle.cos() * x + angle.sin() * y) / 2**0.5).clamp(0, 1)
    return ink + (1 - ink) * (most * draws[:, 1:, None] * ramp)[:, None]


def jpeg(ink: Tensor, most: float, draws: Tensor) -> Tensor:
    """What JPEG leaves at qualities down to 90 (1 - most) + 5; draws (B, 1). Blocks lie on the page's own grid."""
    height, width = ink.shape[-2:]
    page = F.pad(ink, (0, -width % _BLOCK, 0, -height % _BLOCK), mode="replicate")
    B, rows, columns = len(page), page.shape[2] // _BLOCK, page.shape[3] // _BLOCK
    blocks = page.view(B, 1, rows, _BLOCK, columns, _BLOCK).transpose(3, 4)
    place = torch.arange(_BLOCK, device=ink.device, dtype=ink.dtype)
    waves = (torch.pi * (2 * place + 1) * place[:, None] / (2 * _BLOCK)).cos() * (2 / _BLOCK) ** 0.5
    waves[0] *= 0.5**0.5
    quality = 95 - 90 * most * draws[:, 0]
    scale = torch.where(quality < 50, 50 / quality, 2 - quality / 50)  # of the Independent JPEG Group's library
    steps = _luminance(ink.device, ink.dtype) * scale.view(-1, 1, 1, 1, 1, 1)
    steps = steps.clamp(min=1) / 255
    kept = (waves @ (blocks - 0.5) @ waves.T / steps).round() * steps
    back: Tensor = (waves.T @ kept @ waves + 0.5).transpose(3, 4).flatten(4, 5).flatten(2, 3)
    return back[..., :height, :width].clamp(0, 1)


@cache
def _luminance(device: torch.device, dtype: torch.dtype) -> Tensor:
    """The table (8, 8), sent to the device once: to send it is to wait for the device."""
    return torch.tensor(_LUMINANCE, device=device, dtype=dtype)


def _drawn(chosen: Tensor) -> Tensor:
    return chosen.view(-1, 1, 1)
