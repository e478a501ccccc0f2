"""Images as arrays: encode, convert to grayscale, crop, pad, downsample.

Images are uint8 arrays (H, W), 255 paper and 0 ink. No function changes its input.
"""

import struct
import zlib
from collections.abc import Sequence
from typing import Any

import deflate
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field

from im2latex.config import Params
from im2latex.types import Shape

Pixels = NDArray[np.uint8]

PAPER = 255
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_HEADER = struct.Struct(">IIBBBBB")
_BITS = 8
_COLOR_TYPES = {1: 0, 3: 2, 4: 6}
"""Color type by the number of channels: gray, RGB, RGBA."""
_ONLY_METHODS = (0, 0, 0)  # compression, filters, interlace
_NO_FILTER = 0
# Higher levels cost more time than they save in size. Fixed, since it decides the bytes.
_PNG_LEVEL = 1


class ImageParams(Params):
    """Conversion of rendered pixels to an image of the dataset."""

    downsample: int = Field(
        default=2, ge=1, le=8, description="pixels of the rendering that make one of the image, a side"
    )
    padding_px: int = Field(default=8, ge=0, description="paper around the ink, in pixels before downsampling")


def median(values: NDArray[np.float32], axis: int | None = None) -> NDArray[np.float32]:
    """What `numpy.median` returns for values without NaN, without the import of `numpy.ma` that it needs.

    This import takes as long as the prediction of a short formula.
    """
    values, axis = (values.ravel(), 0) if axis is None else (values, axis)
    middle = values.shape[axis] // 2
    places = [middle] if values.shape[axis] % 2 else [middle - 1, middle]
    found: NDArray[np.float32] = np.partition(values, places, axis).take(places, axis).mean(axis)
    return found


def quantile(values: NDArray[Any], share: float) -> float:
    """What `numpy.quantile` returns for values (N,) without NaN, without its import of `numpy.ma`; N is at least 1."""
    ordered, place = np.sort(values), (len(values) - 1) * share
    below = int(place)
    low, high, weight = ordered[below], ordered[min(below + 1, len(values) - 1)], place - below
    return low + (high - low) * weight if weight < 0.5 else high - (high - low) * (1 - weight)  # type: ignore[no-any-return]


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """Encode gray values (H, W), or colors (H, W, 3 or 4), as PNG without metadata.

    Equal pixels give equal bytes with one version of `deflate`, which binds libdeflate. No row is filtered (PNG
    specification, 9): on rendered formulas the filters make files larger.
    """
    height, width, channels = (*pixels.shape, 1)[:3]
    rows = np.empty((height, 1 + width * channels), np.uint8)
    rows[:, 0] = _NO_FILTER
    rows[:, 1:] = pixels.reshape(height, -1)
    header = _PNG_HEADER.pack(width, height, _BITS, _COLOR_TYPES[channels], *_ONLY_METHODS)
    data = deflate.zlib_compress(rows.tobytes(), _PNG_LEVEL)
    return _PNG_SIGNATURE + _png_chunk(b"IHDR", header) + _png_chunk(b"IDAT", data) + _png_chunk(b"IEND", b"")


def _png_chunk(kind: bytes, data: bytes | bytearray) -> bytes:
    content = kind + data
    return len(data).to_bytes(4) + content + zlib.crc32(content).to_bytes(4)


def to_grayscale(pixels: NDArray[np.uint8]) -> Pixels:
    """Gray values (H, W) of a decoded image (H, W), (H, W, 3) or (H, W, 4)."""
    if pixels.ndim == 2:
        return pixels
    colors = np.rint(flatten_alpha(pixels)).astype(np.uint8) if pixels.shape[2] == 4 else pixels
    return np.asarray(Image.fromarray(colors).convert("L"))


def flatten_alpha(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Colors (H, W, C) on white paper; ink that is too light for white paper is inverted."""
    if pixels.ndim == 2:
        return pixels[..., None].astype(np.float32)
    colors = pixels[..., :3].astype(np.float32)
    if pixels.shape[2] == 3:
        return colors
    alpha = pixels[..., 3:].astype(np.float32) / np.float32(255)
    if not alpha.any() and colors.min(initial=PAPER) < colors.max(initial=0):  # of programs that write no alpha
        return colors
    light = _is_light(colors, alpha)
    shown: NDArray[np.float32] = (255 - colors if light else colors) * alpha + PAPER * (1 - alpha)
    return shown.astype(np.float32)


def _is_light(colors: NDArray[np.float32], alpha: NDArray[np.float32]) -> bool:
    """Whether light ink is on transparent paper: the visible pixels are light, few or none are dark."""
    visible = colors.mean(axis=2)[alpha[..., 0] > 0]
    if not len(visible) or alpha.min() > 0:
        return False
    mostly_transparent = float(alpha.mean()) < 0.5
    return float(median(visible) if mostly_transparent else visible.min()) >= 128


def ink_box(pixels: Pixels, threshold: int = PAPER) -> tuple[int, int, int, int] | None:
    """(top, bottom, left, right), ends excluded, of all pixels below `threshold`; None where there are none."""
    ink = pixels < threshold
    rows = ink.any(axis=1).tobytes()
    top, bottom = rows.find(True), rows.rfind(True) + 1
    if not bottom:
        return None
    columns = ink[top:bottom].any(axis=0).tobytes()
    return top, bottom, columns.find(True), columns.rfind(True) + 1


def crop(pixels: Pixels, threshold: int = PAPER) -> Pixels:
    """The part that holds all pixels below `threshold`, of shape (0, 0) where there are none."""
    box = ink_box(pixels, threshold)
    if box is None:
        return np.empty((0, 0), np.uint8)
    top, bottom, left, right = box
    return pixels[top:bottom, left:right].copy()


def pad(pixels: Pixels, padding_px: int) -> Pixels:
    """Paper of that width on all four sides."""
    return np.pad(pixels, padding_px, constant_values=PAPER)


def pad_to_bucket(shapes: Sequence[Shape], pixels: Pixels) -> Pixels:
    """Centre an image (h, w) in the smallest shape (H, W) that it fits.

    An image larger than every shape is padded to multiples of 16 rows and 32 columns.
    """
    height, width = pixels.shape
    fitting = [(s.height, s.width) for s in shapes if s.height >= height and s.width >= width]
    size = min(fitting, key=lambda size: size[0] * size[1], default=(-(-height // 16) * 16, -(-width // 32) * 32))
    padded = np.full(size, PAPER, np.uint8)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    padded[top : top + height, left : left + width] = pixels
    return padded


def pad_and_downsample(pixels: Pixels, params: ImageParams) -> Pixels:
    """Add the padding on all four sides, then downsample by the mean of each block, rounded half up.

    The mean preserves the amount of ink and is the same on every machine, unlike a filter in floating point. Sides that
    are no multiple of the factor are filled up with paper at the bottom and the right.
    """
    factor, padding = params.downsample, params.padding_px
    height, width = pixels.shape
    shape = [-(-(length + 2 * padding) // factor) * factor for length in (height, width)]
    filled = np.full(shape, PAPER, np.uint8)
    filled[padding : padding + height, padding : padding + width] = pixels
    # Adds whole images, one for each row and one for each column of a block: many times faster than numpy's sum over
    # two short axes. Sixteen bits hold the sum of a block of 16 x 16.
    rows = filled[::factor].astype(np.uint16)
    for row in range(1, factor):
        rows += filled[row::factor]
    sums = rows[:, ::factor] + np.uint16(factor * factor // 2)
    for column in range(1, factor):
        sums += rows[:, column::factor]
    return (sums // np.uint16(factor * factor)).astype(np.uint8)


def to_dataset_image(pixels: Pixels, params: ImageParams) -> Pixels:
    """A rendering as the dataset stores it: cropped to its ink, padded, then downsampled."""
    return pad_and_downsample(crop(pixels), params)
