"""Training images varied: place and size, strokes and focus, light and noise; on tensors, from a seeded generator.

All images of a batch are varied at once, on the device they are on. Every image has a row of draws of its own, one
for each variation: so what happens to it depends neither on the images beside it nor on which other variations are
on. Only `padding` and the share of `resolution` are drawn once for a batch, whose pages have one size.
"""

from functools import cache

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from im2latex.config import Params
from im2latex.training import distractors
from im2latex.training.affine import affine_transform

PAGE_STEP_PX = 8
"""Pages grow by multiples of this, so that an encoder meets few sizes of page."""


class AugmentationParams(Params):
    """How far a training image may differ from its original; zero switches a variation off."""

    scale: float = Field(
        default=0, ge=0, le=1, description="ink is resized by a factor within 1 / (1 + scale) and 1 + scale"
    )
    shift: float = Field(default=0, ge=0, description="ink is moved by up to this many whole pixels along each side")
    rotation: float = Field(default=0, ge=0, le=15, description="ink is turned by up to this many degrees, either way")
    padding: int = Field(default=0, ge=0, description="paper of up to this many pixels is added on each side")
    stroke: float = Field(
        default=0, ge=0, lt=1, description="strokes grow or shrink by up to this share of a pixel on each side"
    )
    resolution: float = Field(
        default=0, ge=0, lt=1, description="half the images lose up to this share of their rows and columns of pixels"
    )
    blur: float = Field(default=0, ge=0, le=1, description="up to this share of a 3 x 3 blur is mixed in")
    gamma: float = Field(
        default=0, ge=0, le=2, description="ink is raised to a power within 1 / (1 + gamma) and 1 + gamma"
    )
    contrast: float = Field(ge=0, lt=1, description="ink is scaled by a factor within 1 - contrast and 1 + contrast")
    light: float = Field(ge=0, lt=1, description="paper is darkened by up to this share of full ink")
    noise: float = Field(ge=0, lt=1, description="standard deviation of pixel noise as a share of full ink")
    slivers: float = Field(
        default=0, ge=0, le=1, description="share of the borders, upper and lower, that show the edge of another line"
    )
    rule: float = Field(default=0, ge=0, le=1, description="share of the images with a rule above or below")
    box: float = Field(default=0, ge=0, le=1, description="share of the images with a box around the formula")
    highlight: float = Field(default=0, ge=0, le=1, description="share of the images with a tint behind the formula")
    keystone: float = Field(
        default=0, ge=0, le=0.5, description="one side of each pair is up to this share shorter, as in photographs"
    )
    shadow: float = Field(default=0, ge=0, lt=1, description="paper darkens sideways by up to this share of full ink")
    jpeg: float = Field(default=0, ge=0, le=1, description="JPEG at qualities down to 95 - 90 times this")
    off_for_last: float = Field(
        default=0, ge=0, le=1, description="share of the budget, at its end, that sees the images as they are"
    )

    def at(self, share: float) -> "AugmentationParams":
        """What holds when that share of the budget is spent."""
        return self if share < 1 - self.off_for_last else AugmentationParams(contrast=0, light=0, noise=0)


def augment(images: Tensor, params: AugmentationParams, generator: torch.Generator) -> Tensor:
    """Vary uint8 images (B, 1, H, W), 255 paper; floats within 0 and 255 come back, on pages of H, W or more."""
    draws = torch.rand((len(images), 9), generator=generator, device=generator.device).to(images.device)
    scale, down, right, turn, stroke, blur, gamma, contrast, light = draws.view(-1, 9, 1, 1, 1).unbind(1)
    ink = (255.0 - images) / 255.0
    if params.padding:
        ink = F.pad(ink, _margins(params.padding, generator))
    if params.scale or params.shift or params.rotation:
        moves = torch.stack([(2 * down - 1) * params.shift, (2 * right - 1) * params.shift]).round()
        ink = affine_transform(ink, (1 + params.scale) ** (2 * scale - 1), (2 * turn - 1) * params.rotation, moves)
    if params.rule or params.box or params.highlight:
        draws = _draws(generator, 6, ink, 6)
        ink = distractors.frames(ink, params.rule, params.box, params.highlight, draws)
    if params.slivers:
        ink = distractors.slivers(ink, params.slivers, _draws(generator, 5, ink, 4))
    if params.keystone:
        ink = distractors.keystone(ink, params.keystone, _draws(generator, 7, ink, 4))
    if params.stroke:
        ink = _redrawn(ink, (2 * stroke - 1) * params.stroke)
    if params.resolution:
        ink = _coarser(ink, params.resolution, generator)
    if params.blur:
        ink = ink.lerp(_blurred(ink), params.blur * blur)
    if params.gamma:
        ink = ink ** ((1 + params.gamma) ** (2 * gamma - 1))
    ink = ink * (1 + params.contrast * (2 * contrast - 1)) + params.light * light
    if params.shadow:
        ink = distractors.shadow(ink, params.shadow, _draws(generator, 8, ink, 2))
    if params.noise:
        own = _another(generator, 2, ink.device)
        ink = ink + params.noise * torch.randn(ink.shape, generator=own, device=ink.device)
    if params.jpeg:
        ink = distractors.jpeg(ink.clamp(0, 1), params.jpeg, _draws(generator, 9, ink, 1))
    return 255.0 - 255.0 * ink.clamp(0, 1)


def _margins(most: int, generator: torch.Generator) -> tuple[int, int, int, int]:
    """Paper at the left, right, top and bottom of all pages, in multiples of the step."""
    # Drawn by the processor, which needs the sizes and shall not wait for a device.
    draws = torch.rand(4, generator=_another(generator, 1, torch.device("cpu")))
    left, right, top, bottom = (PAGE_STEP_PX * (draws * (most // PAGE_STEP_PX + 1)).long()).tolist()
    return left, right, top, bottom


def _coarser(ink: Tensor, most: float, generator: torch.Generator) -> Tensor:
    """Half the pages as small images look that were enlarged: averaged over fewer pixels, and drawn between them."""
    share = 1 - most * torch.rand(1, generator=_another(generator, 3, torch.device("cpu"))).item()
    few = [max(1, round(share * side)) for side in ink.shape[-2:]]
    coarse = F.interpolate(F.interpolate(ink, few, mode="area"), ink.shape[-2:], mode="bilinear")
    own = _another(generator, 4, ink.device)
    return torch.where(torch.rand((len(ink), 1, 1, 1), generator=own, device=ink.device) < 0.5, coarse, ink)


def _another(generator: torch.Generator, number: int, device: torch.device) -> torch.Generator:
    """A generator of its own for draws whose number depends on the batch, so that they move no others."""
    return torch.Generator(device).manual_seed(generator.initial_seed() + number)


def _draws(generator: torch.Generator, number: int, ink: Tensor, count: int) -> Tensor:
    """Draws (B, count) within 0 and 1 of one variation."""
    own = _another(generator, number, generator.device)
    return torch.rand((len(ink), count), generator=own, device=generator.device).to(ink.device)


def _redrawn(ink: Tensor, share: Tensor) -> Tensor:
    """Strokes with a share of the darkest neighbour mixed in, or, where it is below zero, of the lightest."""
    thick, thin = F.max_pool2d(ink, 3, stride=1, padding=1), -F.max_pool2d(-ink, 3, stride=1, padding=1)
    return ink.lerp(thick, share.clamp(min=0)).lerp(thin, (-share).clamp(min=0))


def _blurred(ink: Tensor) -> Tensor:
    """Each pixel with its eight neighbours, by the weights 1 2 1 along each side."""
    return F.conv2d(ink, _binomial(ink.device, ink.dtype), padding=1)


@cache
def _binomial(device: torch.device, dtype: torch.dtype) -> Tensor:
    """The kernel (1, 1, 3, 3), sent to the device once: to send it is to wait for the device."""
    weights = torch.tensor([0.25, 0.5, 0.25], device=device, dtype=dtype)
    return (weights[:, None] * weights).view(1, 1, 3, 3)
