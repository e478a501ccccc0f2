"""Image effects: colours, JPEG, blur, rotation, padding, noise.

Images are uint8 arrays (H, W), 255 is paper; coloured ones are (H, W, 3) or (H, W, 4). Every effect takes a random
generator, seeded by the name of the image, and does not change its input.
"""

import io
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from im2latex.images.arrays import PAPER

Pixels = NDArray[np.uint8]
Colour = tuple[int, int, int]


class Effect(Protocol):
    """A transformation of an image."""

    def __call__(self, image: Pixels, random: np.random.Generator) -> Pixels:
        """Return the transformed image; effects that vary between images use `random`."""


@dataclass(frozen=True)
class Colours:
    """Replace black and white by the colours of ink and paper (RGB); paper None is transparent."""

    ink: Colour
    paper: Colour | None

    def __call__(self, image: Pixels, random: np.random.Generator) -> Pixels:  # noqa: ARG002
        """Convert (H, W) to (H, W, 3), or to (H, W, 4) with transparent paper."""
        alpha = (PAPER - image.astype(np.float64))[..., None] / PAPER
        ink = np.array(self.ink, np.float64)
        if self.paper is None:
            return np.concatenate([np.broadcast_to(ink, (*image.shape, 3)), PAPER * alpha], axis=2).astype(np.uint8)
        return _to_uint8(alpha * ink + (1 - alpha) * np.array(self.paper, np.float64))


@dataclass(frozen=True)
class Jpeg:
    """JPEG compression of this quality, 1 to 95."""

    quality: int

    def __call__(self, image: Pixels, random: np.random.Generator) -> Pixels:  # noqa: ARG002
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=self.quality)
        return np.array(Image.open(file))


@dataclass(frozen=True)
class Blur:
    """Gaussian blur of this standard deviation, in pixels."""

    sigma: float

    def __call__(self, image: Pixels, random: np.random.Generator) -> Pixels:  # noqa: ARG002
        """Pad by three standard deviations, then blur."""
        margin = int(3 * self.sigma)
        padded = np.pad(image, margin, constant_values=PAPER).astype(np.float64)
        return _to_uint8(gaussian_filter(padded, self.sigma, mode="nearest"))


@dataclass(frozen=True)
class Rotate:
    """Rotation by this angle in degrees, in a random direction."""

    degrees: float

    def __call__(self, image: Pixels, random: np.random.Generator) -> Pixels:
        angle = self.degrees if random.random() < 0.5 else -self.degrees
        rotated = Image.fromarray(image).rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=PAPER)
        return np.array(rotated)


@dataclass(frozen=True)
class UnevenPadding:
    """Random padding of 0 to `max_px` pixels on each side, independently."""

    max_px: int

    def __call__(self, image: Pixels, random: np.random.Generator) -> Pixels:
        top, bottom, left, right = random.integers(0, self.max_px + 1, 4).tolist()
        return np.pad(image, ((top, bottom), (left, right)), constant_values=PAPER)


@dataclass(frozen=True)
class Noise:
    """Gaussian noise; the standard deviation is a share of full ink."""

    deviation: float

    def __call__(self, image: Pixels, random: np.random.Generator) -> Pixels:
        return _to_uint8(image + random.normal(0, PAPER * self.deviation, image.shape))


@dataclass(frozen=True)
class Enlarge:
    """Bilinear enlargement by a factor, as in an image viewer."""

    factor: float

    def __call__(self, image: Pixels, random: np.random.Generator) -> Pixels:  # noqa: ARG002
        height, width = (max(1, round(self.factor * side)) for side in image.shape[:2])
        return np.array(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))


def _to_uint8(values: NDArray[np.float64]) -> Pixels:
    return values.round().clip(0, PAPER).astype(np.uint8)
