"""Distance between an input image and the rendering of a candidate, tolerant of size, place and weight.

Images are uint8 arrays (H, W), 255 paper and 0 ink. The rendering is scaled to the size of the input, by one factor for
both axes, and placed at the left edge of its ink, at the top, the middle or the bottom. The distance is the L1 distance
of the slightly blurred inks, divided by twice the ink of the input: 0 for equal images, about 1 for unrelated ones.

An input that a program unknown to the project drew has no equal rendering. So distances of the candidates of one image
are compared with each other; their absolute size depends on how well the style is known.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from im2latex.images.arrays import PAPER, Pixels, crop

MAX_DISTANCE = 1.0
"""Distance of a candidate that cannot be rendered; larger distances count as this one."""
_INK_THRESHOLD = 230
"""Lighter pixels at the edges are no ink: JPEG and resizing leave traces there."""
_BLUR = ImageFilter.GaussianBlur(0.8)
_MARGIN_PX = 3
"""Paper around the ink, over which the blur spreads."""
_SIZE_RATIOS = (0.8, 1.25)
"""Where a side of the rendering is to that of the input in this ratio, the size may be right as it is."""
_SCALES = (0.4, 2.5)
_SAME_SCALE = 0.012
"""Relative difference below which two scales are tried as one."""
_WEIGHTS = (0.7, 1.4)
"""Limits of the factor that brings the ink of the rendering to that of the input: pens and fonts differ in weight."""

_Ink = NDArray[np.float32]


class ImageMatcher:
    """Compares renderings with one input image."""

    def __init__(self, image: Pixels) -> None:
        ink = PAPER - crop(image, _INK_THRESHOLD)
        self._size = ink.shape
        self._input = _blurred(ink)
        self._total = float(self._input.sum())

    def distance(self, rendering: Pixels) -> float:
        """Distance of a rendering, from 0 to `MAX_DISTANCE`."""
        ink = PAPER - crop(rendering, _INK_THRESHOLD)
        if not ink.size or not self._total:
            return MAX_DISTANCE
        distances = (self._distance(_blurred(_resized(ink, scale))) for scale in self._scales(ink))
        return min(MAX_DISTANCE, *distances)

    def _scales(self, ink: Pixels) -> list[float]:
        """The scales worth a try: 1, that of the widths, that of the heights."""
        (height, width), (own_height, own_width) = self._size, ink.shape
        of_width, of_height = width / own_width, height / own_height
        smallest, largest = _SIZE_RATIOS
        scales = [1.0] if any(smallest < ratio < largest for ratio in (of_width, of_height)) else []
        for scale in (of_width, of_height):
            if _SCALES[0] < scale < _SCALES[1] and all(abs(scale / other - 1) > _SAME_SCALE for other in scales):
                scales.append(scale)
        return scales or [1.0]

    def _distance(self, rendering: _Ink) -> float:
        weight = float(np.clip(self._total / max(float(rendering.sum()), 1), *_WEIGHTS))
        difference = min(float(np.abs(one).sum()) for one in self._placed(rendering * np.float32(weight)))
        return difference / (2 * self._total)

    def _placed(self, rendering: _Ink) -> Iterator[_Ink]:
        """The input minus the rendering, for each vertical place of the lower image beside the higher one."""
        height, width = (max(*sides) for sides in zip(self._input.shape, rendering.shape, strict=True))
        spare = self._input.shape[0] - rendering.shape[0]
        for top in sorted({0, abs(spare) // 2, abs(spare)}):
            difference = np.zeros((height, width), np.float32)
            own, other = (0, top) if spare > 0 else (top, 0)
            difference[own : own + self._input.shape[0], : self._input.shape[1]] = self._input
            difference[other : other + rendering.shape[0], : rendering.shape[1]] -= rendering
            yield difference


def _blurred(ink: Pixels) -> _Ink:
    return np.asarray(Image.fromarray(np.pad(ink, _MARGIN_PX)).filter(_BLUR), np.float32)


def _resized(ink: Pixels, scale: float) -> Pixels:
    if scale == 1:
        return ink
    size = tuple(max(1, round(side * scale)) for side in reversed(ink.shape))
    resample = Image.Resampling.HAMMING if scale < 1 else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(ink).resize(size, resample))
