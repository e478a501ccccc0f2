"""Ink resized, turned and moved on its page, and never off it."""

import torch
import torch.nn.functional as F
from torch import Tensor


def affine_transform(ink: Tensor, factors: Tensor, degrees: Tensor, moves: Tensor) -> Tensor:
    """Resize, turn and move the ink of pages (B, 1, H, W), 0 paper and 1 ink, each about the middle of its ink.

    `factors` and `degrees` (clockwise) are (B, 1, 1, 1), `moves` (2, B, 1, 1, 1) in pixels down and right. What does
    not fit on the page is lessened: first the factor, then the angle, then the move, until all ink is on it.
    """
    height, width = ink.shape[-2:]
    factor, angle = factors.flatten(), degrees.flatten().deg2rad()
    (top, bottom), (left, right) = (ink_extent(ink, 3), ink_extent(ink, 2))
    tall, wide = bottom - top, right - left
    room = torch.minimum(height / (tall + 1), width / (wide + 1)).clamp(min=1)
    factor = torch.minimum(factor, room)
    tall, wide = factor * tall, factor * wide
    slope = torch.minimum((height - tall - factor) / wide, (width - wide - factor) / tall).clamp(0, 1)
    angle = angle.clamp(-slope.asin(), slope.asin())
    # Between pixels, ink spreads by half a pixel of the original on each side.
    spread = torch.where((factor == 1) & (angle == 0), 0.0, factor)
    sine, cosine = angle.sin(), angle.cos()
    box = (cosine * tall + sine.abs() * wide + spread, cosine * wide + sine.abs() * tall + spread)
    middle = ((top + bottom) / 2, (left + right) / 2)
    y, x = middle
    to_y = _within(y + moves[0].flatten(), box[0] / 2, height)
    to_x = _within(x + moves[1].flatten(), box[1] / 2, width)
    # From a place on the new page to its place on the old one; in pixels first, then in half pages from the middle.
    across, down = width / 2 - to_x, height / 2 - to_y
    from_x = x + (cosine * across + sine * down) / factor
    from_y = y + (cosine * down - sine * across) / factor
    rows = [
        torch.stack([cosine / factor, sine / factor * (height / width), 2 * from_x / width - 1], dim=1),
        torch.stack([-sine / factor * (width / height), cosine / factor, 2 * from_y / height - 1], dim=1),
    ]
    grid = F.affine_grid(torch.stack(rows, dim=1), list(ink.shape), align_corners=False)
    return F.grid_sample(ink, grid, mode="bilinear", padding_mode="zeros", align_corners=False).clamp(0, 1)


def ink_extent(ink: Tensor, along: int) -> tuple[Tensor, Tensor]:
    """First and end place (B,) of any ink of pages (B, 1, H, W), seen along a dimension; all where there is none."""
    seen = (ink > 0).any(dim=along).flatten(1).to(torch.uint8)
    return seen.argmax(dim=1).float(), seen.shape[1] - seen.flip(1).argmax(dim=1).float()


def _within(middle: Tensor, half: Tensor, side: int) -> Tensor:
    """The place nearest to `middle` at which so much on either side is on the page."""
    return torch.maximum(torch.minimum(middle, side - half), half)
