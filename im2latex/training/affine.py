"""Affine transform of images that leaves all ink inside."""

import torch
import torch.nn.functional as F
from torch import Tensor


def affine_transform(ink: Tensor, factors: Tensor, degrees: Tensor, translations: Tensor) -> Tensor:
    """Scale, rotate and translate images (B, 1, H, W), 0 paper and 1 ink, about the center of their ink.

    `factors` and `degrees` (clockwise) are (B, 1, 1, 1), `translations` (2, B, 1, 1, 1) in pixels down and right. They
    are reduced until all ink is inside the image: first the factor, then the angle, then the translation.
    """
    height, width = ink.shape[-2:]
    factor, angle = factors.flatten(), degrees.flatten().deg2rad()
    (top, bottom), (left, right) = (ink_extent(ink, 3), ink_extent(ink, 2))
    tall, wide = bottom - top, right - left
    largest = torch.minimum(height / (tall + 1), width / (wide + 1)).clamp(min=1)
    factor = torch.minimum(factor, largest)
    tall, wide = factor * tall, factor * wide
    slope = torch.minimum((height - tall - factor) / wide, (width - wide - factor) / tall).clamp(0, 1)
    angle = angle.clamp(-slope.asin(), slope.asin())
    # Interpolation spreads ink by half a pixel of the original on each side.
    spread = torch.where((factor == 1) & (angle == 0), 0.0, factor)
    sine, cosine = angle.sin(), angle.cos()
    box = (cosine * tall + sine.abs() * wide + spread, cosine * wide + sine.abs() * tall + spread)
    center = ((top + bottom) / 2, (left + right) / 2)
    y, x = center
    to_y = _clamp_center(y + translations[0].flatten(), box[0] / 2, height)
    to_x = _clamp_center(x + translations[1].flatten(), box[1] / 2, width)
    # From a position in the new image to the one in the old image: in pixels, then in half sizes from the center.
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
    """Index of the first ink and the end of the last ink (B,) of images (B, 1, H, W), reduced along a dimension.

    An image without ink has the whole extent.
    """
    present = (ink > 0).any(dim=along).flatten(1).to(torch.uint8)
    return present.argmax(dim=1).float(), present.shape[1] - present.flip(1).argmax(dim=1).float()


def _clamp_center(center: Tensor, half: Tensor, size: int) -> Tensor:
    """The center nearest to `center` with `half` pixels inside the image on either side."""
    return torch.maximum(torch.minimum(center, size - half), half)
