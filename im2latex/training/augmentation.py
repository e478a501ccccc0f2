"""Augmentation of training images: geometry, strokes, focus, contrast, noise and degradations, from a seeded generator.

All images of a batch are augmented together, on their device. Every image has a row of random numbers of its own, one
per transform: so the result depends neither on the other images of the batch nor on which other transforms are
switched on. Only `padding` and the factor of `resolution` are drawn once per batch, whose images have one size.
"""

from functools import cache

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from im2latex.config import Params
from im2latex.training import degradations
from im2latex.training.affine import affine_transform

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
        ink = degradations.frames(ink, params.rule, params.box, params.highlight, draws)
    if params.slivers:
        ink = degradations.slivers(ink, params.slivers, _draws(generator, 5, ink, 4))
    if params.keystone:
        ink = degradations.keystone(ink, params.keystone, _draws(generator, 7, ink, 4))
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
        ink = degradations.shadow(ink, params.shadow, _draws(generator, 8, ink, 2))
    if params.noise:
        own = _own_generator(generator, 2, ink.device)
        ink = ink + params.noise * torch.randn(ink.shape, generator=own, device=ink.device)
    if params.jpeg:
        ink = degradations.jpeg(ink.clamp(0, 1), params.jpeg, _draws(generator, 9, ink, 1))
    return 255.0 - 255.0 * ink.clamp(0, 1)


def _padding(max_padding: int, generator: torch.Generator) -> tuple[int, int, int, int]:
    """Padding at the left, right, top and bottom of all images, in multiples of the step."""
    # Drawn on the processor, which needs the sizes and must not wait for a device.
    draws = torch.rand(4, generator=_own_generator(generator, 1, torch.device("cpu")))
    left, right, top, bottom = (PADDING_STEP_PX * (draws * (max_padding // PADDING_STEP_PX + 1)).long()).tolist()
    return left, right, top, bottom


def _reduce_resolution(ink: Tensor, max_loss: float, generator: torch.Generator) -> Tensor:
    """Downsample half of the images by area and enlarge them again bilinearly."""
    share = 1 - max_loss * torch.rand(1, generator=_own_generator(generator, 3, torch.device("cpu"))).item()
    few = [max(1, round(share * side)) for side in ink.shape[-2:]]
    coarse = F.interpolate(F.interpolate(ink, few, mode="area"), ink.shape[-2:], mode="bilinear")
    own = _own_generator(generator, 4, ink.device)
    return torch.where(torch.rand((len(ink), 1, 1, 1), generator=own, device=ink.device) < 0.5, coarse, ink)


def _own_generator(generator: torch.Generator, number: int, device: torch.device) -> torch.Generator:
    """A generator for one transform, so that its random numbers do not depend on other transforms."""
    return torch.Generator(device).manual_seed(generator.initial_seed() + number)


def _draws(generator: torch.Generator, number: int, ink: Tensor, count: int) -> Tensor:
    """Random numbers (B, count) between 0 and 1 of one transform."""
    own = _own_generator(generator, number, generator.device)
    return torch.rand((len(ink), count), generator=own, device=generator.device).to(ink.device)


def _change_strokes(ink: Tensor, share: Tensor) -> Tensor:
    """Mix in a share of the darkest neighbor, or, where it is negative, of the lightest."""
    thick, thin = F.max_pool2d(ink, 3, stride=1, padding=1), -F.max_pool2d(-ink, 3, stride=1, padding=1)
    return ink.lerp(thick, share.clamp(min=0)).lerp(thin, (-share).clamp(min=0))


def _blur(ink: Tensor) -> Tensor:
    """Binomial 3 x 3 blur, with weights 1 2 1 along each axis."""
    return F.conv2d(ink, _binomial(ink.device, ink.dtype), padding=1)


@cache
def _binomial(device: torch.device, dtype: torch.dtype) -> Tensor:
    """The kernel (1, 1, 3, 3), sent to the device once, since sending waits for the device."""
    weights = torch.tensor([0.25, 0.5, 0.25], device=device, dtype=dtype)
    return (weights[:, None] * weights).view(1, 1, 3, 3)
