"""Augmentation of training images: geometry, strokes, focus, contrast, noise and degradations, from a seeded generator.

All images of a batch are augmented together, on their device. Every image has a row of random numbers of its own, one
per transform: so the result depends neither on the other images of the batch nor on which other transforms are
switched on. Only `padding` and the factor of `resolution` are drawn once per batch, whose images have one size.

The transforms are functions of images (B, 1, H, W), 0 paper and 1 ink; their `draws` (B, n) are random numbers between
0 and 1.
"""

from functools import cache

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from im2latex.config import Params

PADDING_STEP_PX = 8
"""Padding is a multiple of this, so that an encoder has few sizes of input."""


class AugmentationParams(Params):
    """Strength of each transform; zero switches it off."""

    scale: float = Field(
        default=0, ge=0, le=1, description="ink is scaled by a factor between 1 / (1 + scale) and 1 + scale"
    )
    shift: float = Field(default=0, ge=0, description="ink is moved by up to this many whole pixels along each axis")
    rotation: float = Field(default=0, ge=0, le=15, description="ink is rotated by up to this many degrees, either way")
    padding: int = Field(default=0, ge=0, description="up to this many pixels of paper are added on each side")
    stroke: float = Field(
        default=0,
        ge=0,
        lt=1,
        description="stroke edges move by up to this share of a pixel, either way",
    )
    resolution: float = Field(
        default=0,
        ge=0,
        lt=1,
        description="half of the images lose up to this share of their resolution",
    )
    blur: float = Field(default=0, ge=0, le=1, description="weight of a 3 x 3 blur, up to this")
    gamma: float = Field(
        default=0, ge=0, le=2, description="ink is raised to a power between 1 / (1 + gamma) and 1 + gamma"
    )
    contrast: float = Field(
        default=0.2, ge=0, lt=1, description="ink is multiplied by a factor between 1 - contrast and 1 + contrast"
    )
    brightness: float = Field(default=0.05, ge=0, lt=1, description="paper is darkened by up to this share of full ink")
    noise: float = Field(
        default=0.02, ge=0, lt=1, description="standard deviation of pixel noise, as a share of full ink"
    )
    slivers: float = Field(
        default=0, ge=0, le=1, description="share of the upper and lower borders that show the edge of another line"
    )
    rule: float = Field(default=0, ge=0, le=1, description="share of the images with a rule above or below")
    box: float = Field(default=0, ge=0, le=1, description="share of the images with a box around the formula")
    highlight: float = Field(default=0, ge=0, le=1, description="share of the images with a tint behind the formula")
    keystone: float = Field(
        default=0, ge=0, le=0.5, description="perspective: opposite sides differ by up to this share, as in photographs"
    )
    shadow: float = Field(
        default=0, ge=0, lt=1, description="paper darkens to one side by up to this share of full ink"
    )
    jpeg: float = Field(default=0, ge=0, le=1, description="JPEG compression at qualities down to 95 - 90 times this")
    disable_for_last: float = Field(
        default=0, ge=0, le=1, description="share of the budget, at its end, without augmentation"
    )

    def at(self, share: float) -> "AugmentationParams":
        """The augmentation when that share of the budget is used."""
        return self if share < 1 - self.disable_for_last else NO_AUGMENTATION


NO_AUGMENTATION = AugmentationParams(contrast=0, brightness=0, noise=0)


def augment(images: Tensor, params: AugmentationParams, generator: torch.Generator) -> Tensor:
    """Augment uint8 images (B, 1, H, W), 255 paper; returns floats between 0 and 255, of size H, W or more."""
    draws = torch.rand((len(images), 9), generator=generator, device=generator.device).to(images.device)
    scale, down, right, turn, stroke, blur, gamma, contrast, brightness = draws.view(-1, 9, 1, 1, 1).unbind(1)
    ink = (255.0 - images) / 255.0
    if params.padding:
        ink = F.pad(ink, _padding(params.padding, generator))
    if params.scale or params.shift or params.rotation:
        translations = torch.stack([(2 * down - 1) * params.shift, (2 * right - 1) * params.shift]).round()
        ink = affine_transform(
            ink, (1 + params.scale) ** (2 * scale - 1), (2 * turn - 1) * params.rotation, translations
        )
    if params.rule or params.box or params.highlight:
        draws = _draws(generator, 6, ink, 6)
        ink = add_frames(ink, params.rule, params.box, params.highlight, draws)
    if params.slivers:
        ink = add_slivers(ink, params.slivers, _draws(generator, 5, ink, 4))
    if params.keystone:
        ink = apply_keystone(ink, params.keystone, _draws(generator, 7, ink, 4))
    if params.stroke:
        ink = _change_strokes(ink, (2 * stroke - 1) * params.stroke)
    if params.resolution:
        ink = _reduce_resolution(ink, params.resolution, generator)
    if params.blur:
        ink = ink.lerp(_blur(ink), params.blur * blur)
    if params.gamma:
        ink = ink ** ((1 + params.gamma) ** (2 * gamma - 1))
    ink = ink * (1 + params.contrast * (2 * contrast - 1)) + params.brightness * brightness
    if params.shadow:
        ink = add_shadow(ink, params.shadow, _draws(generator, 8, ink, 2))
    if params.noise:
        own = _own_generator(generator, 2, ink.device)
        ink = ink + params.noise * torch.randn(ink.shape, generator=own, device=ink.device)
    if params.jpeg:
        ink = compress_jpeg(ink.clamp(0, 1), params.jpeg, _draws(generator, 9, ink, 1))
    return 255.0 - 255.0 * ink.clamp(0, 1)


def _padding(max_padding: int, generator: torch.Generator) -> tuple[int, int, int, int]:
    """Padding at the left, right, top and bottom of all images, in multiples of the step."""
    # Drawn on the CPU, which needs the sizes and must not wait for a device.
    draws = torch.rand(4, generator=_own_generator(generator, 1, torch.device("cpu")))
    left, right, top, bottom = (PADDING_STEP_PX * (draws * (max_padding // PADDING_STEP_PX + 1)).long()).tolist()
    return left, right, top, bottom


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


def _clamp_center(center: Tensor, half: Tensor, size: int) -> Tensor:
    """The center nearest to `center` with `half` pixels inside the image on either side."""
    return torch.maximum(torch.minimum(center, size - half), half)


def ink_extent(ink: Tensor, along: int) -> tuple[Tensor, Tensor]:
    """Index of the first ink and the end of the last ink (B,) of images (B, 1, H, W), reduced along a dimension.

    An image without ink has the whole extent.
    """
    present = (ink > 0).any(dim=along).flatten(1).to(torch.uint8)
    return present.argmax(dim=1).float(), present.shape[1] - present.flip(1).argmax(dim=1).float()


_GAP_PX = 2
"""Smallest distance between the formula and what is added beside it."""
_SLIVER_PX = 6


def add_frames(ink: Tensor, rule: float, box: float, tint: float, draws: Tensor) -> Tensor:
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


def add_slivers(ink: Tensor, share: float, draws: Tensor) -> Tensor:
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


def apply_keystone(ink: Tensor, max_share: float, draws: Tensor) -> Tensor:
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


def _change_strokes(ink: Tensor, share: Tensor) -> Tensor:
    """Mix in a share of the darkest neighbor, or, where it is negative, of the lightest."""
    thick, thin = F.max_pool2d(ink, 3, stride=1, padding=1), -F.max_pool2d(-ink, 3, stride=1, padding=1)
    return ink.lerp(thick, share.clamp(min=0)).lerp(thin, (-share).clamp(min=0))


def _reduce_resolution(ink: Tensor, max_loss: float, generator: torch.Generator) -> Tensor:
    """Downsample half of the images by area and enlarge them again bilinearly."""
    share = 1 - max_loss * torch.rand(1, generator=_own_generator(generator, 3, torch.device("cpu"))).item()
    few = [max(1, round(share * side)) for side in ink.shape[-2:]]
    coarse = F.interpolate(F.interpolate(ink, few, mode="area"), ink.shape[-2:], mode="bilinear")
    own = _own_generator(generator, 4, ink.device)
    return torch.where(torch.rand((len(ink), 1, 1, 1), generator=own, device=ink.device) < 0.5, coarse, ink)


def _blur(ink: Tensor) -> Tensor:
    """Binomial 3 x 3 blur, with weights 1 2 1 along each axis."""
    return F.conv2d(ink, _binomial(ink.device, ink.dtype), padding=1)


@cache
def _binomial(device: torch.device, dtype: torch.dtype) -> Tensor:
    """The kernel (1, 1, 3, 3), sent to the device once, since sending waits for the device."""
    weights = torch.tensor([0.25, 0.5, 0.25], device=device, dtype=dtype)
    return (weights[:, None] * weights).view(1, 1, 3, 3)


def add_shadow(ink: Tensor, max_share: float, draws: Tensor) -> Tensor:
    """Darken the paper linearly towards one side, by up to `max_share` of full ink; draws (B, 2)."""
    height, width = ink.shape[-2:]
    angle = 2 * torch.pi * draws[:, :1, None]
    y = torch.linspace(-0.5, 0.5, height, device=ink.device).view(1, -1, 1)
    x = torch.linspace(-0.5, 0.5, width, device=ink.device).view(1, 1, -1)
    ramp = (0.5 + (angle.cos() * x + angle.sin() * y) / 2**0.5).clamp(0, 1)
    return ink + (1 - ink) * (max_share * draws[:, 1:, None] * ramp)[:, None]


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


def compress_jpeg(ink: Tensor, strength: float, draws: Tensor) -> Tensor:
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


def _draws(generator: torch.Generator, number: int, ink: Tensor, count: int) -> Tensor:
    """Random numbers (B, count) between 0 and 1 of one transform."""
    own = _own_generator(generator, number, generator.device)
    return torch.rand((len(ink), count), generator=own, device=generator.device).to(ink.device)


def _own_generator(generator: torch.Generator, number: int, device: torch.device) -> torch.Generator:
    """A generator for one transform, so that its random numbers do not depend on other transforms."""
    return torch.Generator(device).manual_seed(generator.initial_seed() + number)
