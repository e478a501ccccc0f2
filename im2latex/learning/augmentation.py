"""Training pictures varied: light, contrast and noise, on tensors and from a seeded generator."""

import torch
from pydantic import Field
from torch import Tensor

from im2latex.params import Params


class AugmentationParams(Params):
    """How far a training picture may differ from its original; all zero leaves it alone."""

    contrast: float = Field(ge=0, lt=1, description="ink is scaled by a factor within 1 - contrast and 1 + contrast")
    light: float = Field(ge=0, lt=1, description="paper is darkened by up to this share of full ink")
    noise: float = Field(ge=0, lt=1, description="standard deviation of pixel noise as a share of full ink")


def augment(images: Tensor, params: AugmentationParams, generator: torch.Generator) -> Tensor:
    """Vary uint8 pictures (B, 1, H, W), 255 paper; floats within 0 and 255 come back."""
    ink = (255.0 - images) / 255.0
    draws = torch.rand((2, len(images), 1, 1, 1), generator=generator).to(images.device)
    ink = ink * (1 + params.contrast * (2 * draws[0] - 1)) + params.light * draws[1]
    if params.noise:
        ink = ink + params.noise * torch.randn(images.shape, generator=generator).to(images.device)
    return 255.0 - 255.0 * ink.clamp(0, 1)
