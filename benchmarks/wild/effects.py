"""What happens to a picture between the page and the reader: colours, JPEG, blur, rotation, padding, noise.

Pictures are uint8 arrays (H, W), 255 paper; or (H, W, 3) and (H, W, 4) once they have colours. Every effect takes a
generator, of which the picture's name is the seed, and never changes its input.
"""

import io
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from im2latex.imaging.raster import PAPER

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]


class Effect(Protocol):
    """One step from a picture to another."""

    def __call__(self, picture: Picture, random: np.random.Generator) -> Picture:
        """The picture after it; `random` is used by those that vary from picture to picture."""


@dataclass(frozen=True)
class Colours:
    """Ink and paper (red, green, blue) for black and white; paper None is transparent."""

    ink: Colour
    paper: Colour | None

    def __call__(self, picture: Picture, random: np.random.Generator) -> Picture:  # noqa: ARG002
        """A grey picture (H, W) as (H, W, 3), or as (H, W, 4) where the paper is transparent."""
        cover = (PAPER - picture.astype(np.float64))[..., None] / PAPER
        ink = np.array(self.ink, np.float64)
        if self.paper is None:
            return np.concatenate([np.broadcast_to(ink, (*picture.shape, 3)), PAPER * cover], axis=2).astype(np.uint8)
        return _whole(cover * ink + (1 - cover) * np.array(self.paper, np.float64))


@dataclass(frozen=True)
class Jpeg:
    """Saved as JPEG of this quality, 1 to 95, and read again."""

    quality: int

    def __call__(self, picture: Picture, random: np.random.Generator) -> Picture:  # noqa: ARG002
        """The picture as the file gives it back."""
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=self.quality)
        return np.array(Image.open(file))


@dataclass(frozen=True)
class Blur:
    """Out of focus: a Gaussian of this standard deviation, in pixels."""

    sigma: float

    def __call__(self, picture: Picture, random: np.random.Generator) -> Picture:  # noqa: ARG002
        """The picture on as much more paper as the ink spreads."""
        room = int(3 * self.sigma)
        wide = np.pad(picture, room, constant_values=PAPER).astype(np.float64)
        return _whole(gaussian_filter(wide, self.sigma, mode="nearest"))


@dataclass(frozen=True)
class Turn:
    """Laid askew by this angle in degrees, to either side."""

    degrees: float

    def __call__(self, picture: Picture, random: np.random.Generator) -> Picture:
        """The whole turned picture on white paper."""
        angle = self.degrees if random.random() < 0.5 else -self.degrees
        turned = Image.fromarray(picture).rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=PAPER)
        return np.array(turned)


@dataclass(frozen=True)
class UnevenPadding:
    """Cut out carelessly: paper of up to so many pixels on each side, each by its own draw."""

    most_px: int

    def __call__(self, picture: Picture, random: np.random.Generator) -> Picture:
        """The picture on more paper."""
        top, bottom, left, right = random.integers(0, self.most_px + 1, 4).tolist()
        return np.pad(picture, ((top, bottom), (left, right)), constant_values=PAPER)


@dataclass(frozen=True)
class Noise:
    """Noise of each pixel, its standard deviation as a share of full ink."""

    deviation: float

    def __call__(self, picture: Picture, random: np.random.Generator) -> Picture:
        """The picture with noise."""
        return _whole(picture + random.normal(0, PAPER * self.deviation, picture.shape))


@dataclass(frozen=True)
class Enlarge:
    """A small picture blown up by a factor, as viewers do it."""

    factor: float

    def __call__(self, picture: Picture, random: np.random.Generator) -> Picture:  # noqa: ARG002
        """The picture with so many more pixels a side, and no more detail."""
        height, width = (max(1, round(self.factor * side)) for side in picture.shape[:2])
        return np.array(Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR))


def _whole(values: NDArray[np.float64]) -> Picture:
    return values.round().clip(0, PAPER).astype(np.uint8)
