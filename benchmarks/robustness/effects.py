"""Image effects: colours, JPEG, blur, rotation, padding, noise.

Images are uint8 arrays (H, W), 255 paper; or (H, W, 3) and (H, W, 4) once they have colours. Every effect takes a
generator, of which the image's name is the seed, and never changes its input.
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
    """One step from an image to another."""

    def __call__(self, image: Pixels, random: np.random.Generator) -> Pixels:
        """The image after it; `random` is used by those that vary from image to image."""


@dataclass(frozen=True)
class Colours:
    """Ink and paper (red, green, blue) for black and white; paper None is transparent."""

    ink: Colour
    paper: Colour | None

    def __call__(self, image: Pixels, random: np.random.Generator) -> Pixels:  # noqa: ARG002
        """A grey image (H, W) as (H, W, 3), or as (H, W, 4) where the paper is transparent."""
        cover = (PAPER - image.astype(np.float64))[..., None] / PAPER
        ink = np.array(self.ink, np.float64)
        if self.paper is None:
            return np.concatenate([np.broadcast_to(ink, (*image.shape, 3)), PAPER * cover], axis=2).astype(np.uint8)
        return _whole(cover * ink + (1 - cover) * np.array(self.paper, np.float64))


@dataclass(frozen=True)
class Jpeg:
    """Saved as JPEG of this quality, 1 to 95, and read again."""

    quality: int

    def __call__(self, image: Pixels, random: np.random.Generator) -> Pixels:  # noqa: ARG002
        """The image as the file gives it back."""
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=self.quality)
        return np.array(Image.open(file))


@dataclass(frozen=True)
class Blur:
    """Out of focus: a Gaussian of this standard deviation, in pixels."""

    sigma: float

    def __call__(self, image: Pixels, random: np.random.Generator) -> Pixels:  # noqa: ARG002
        """The image on as much more paper as the ink spreads."""
        room = int(3 * self.sigma)
        wide = np.pad(image, room, constant_values=PAPER).astype(np.float64)
        return _whole(gaussian_filter(wide, self.sigma, mode="nearest"))


@dataclass(frozen=True)
class Turn:
    """Laid askew by this angle in degrees, to either side."""

    degrees: float

    def __call__(self, image: Pixels, random: np.random.Generator) -> Pixels:
        """The whole turned image on white paper."""
        angle = self.degrees if random.random() < 0.5 else -self.degrees
        turned = Image.fromarray(image).rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=PAPER)
        return np.array(turned)


@dataclass(frozen=True)
class UnevenPadding:
    """Cut out carelessly: paper of up to so many pixels on each side, each by its own draw."""

    most_px: int

    def __call__(self, image: Pixels, random: np.random.Generator) -> Pixels:
        """The image on more paper."""
        top, bottom, left, right = random.integers(0, self.most_px + 1, 4).tolist()
        return np.pad(image, ((top, bottom), (left, right)), constant_values=PAPER)


@dataclass(frozen=True)
class Noise:
    """Noise of each pixel, its standard deviation as a share of full ink."""

    deviation: float

    def __call__(self, image: Pixels, random: np.random.Generator) -> Pixels:
        """The image with noise."""
        return _whole(image + random.normal(0, PAPER * self.deviation, image.shape))


@dataclass(frozen=True)
class Enlarge:
    """A small image blown up by a factor, as viewers do it."""

    factor: float

    def __call__(self, image: Pixels, random: np.random.Generator) -> Pixels:  # noqa: ARG002
        """The image with so many more pixels a side, and no more detail."""
        height, width = (max(1, round(self.factor * side)) for side in image.shape[:2])
        return np.array(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))


def _whole(values: NDArray[np.float64]) -> Pixels:
    return values.round().clip(0, PAPER).astype(np.uint8)
