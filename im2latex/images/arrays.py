"""Images as arrays: read, write, crop, pad, shrink.

Everything here takes and gives uint8 arrays (H, W), 255 paper and 0 ink, and never changes its input.
"""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field

from im2latex.config import Params

Pixels = NDArray[np.uint8]

PAPER = 255
# Files take more time to write than they save in size beyond this level; fixed, since it decides the bytes.
_PNG_LEVEL = 6


class ImageParams(Params):
    """How the pixels of a renderer become an image of the data set."""

    downsample: int = Field(
        default=2, ge=1, le=8, description="pixels of the rendering that make one of the image, a side"
    )
    padding_px: int = Field(default=8, ge=0, description="paper around the ink, in pixels before downsampling")


def encode_png(pixels: Pixels) -> bytes:
    """One image as a grey PNG without any metadata; the same pixels give the same bytes under one Pillow version."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=_PNG_LEVEL)
    return file.getvalue()


def to_grayscale(pixels: NDArray[np.uint8]) -> Pixels:
    """Grey values (H, W) of a decoded image (H, W), (H, W, 3) or (H, W, 4)."""
    if pixels.ndim == 2:
        return pixels
    colours = np.rint(flatten_alpha(pixels)).astype(np.uint8) if pixels.shape[2] == 4 else pixels
    return np.asarray(Image.fromarray(colours).convert("L"))


def flatten_alpha(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Colours (H, W, C); what is transparent becomes white paper, and ink too light to show on it is inverted."""
    if pixels.ndim == 2:
        return pixels[..., None].astype(np.float32)
    colours = pixels[..., :3].astype(np.float32)
    if pixels.shape[2] == 3:
        return colours
    cover = pixels[..., 3:].astype(np.float32) / np.float32(255)
    light = _is_light(colours, cover)
    shown: NDArray[np.float32] = (255 - colours if light else colours) * cover + PAPER * (1 - cover)
    return shown.astype(np.float32)


def _is_light(colours: NDArray[np.float32], cover: NDArray[np.float32]) -> bool:
    """Whether light ink lies on transparent paper: what shows is light, and little or none of it is dark."""
    visible = colours.mean(axis=2)[cover[..., 0] > 0]
    if not len(visible) or cover.min() > 0:
        return False
    mostly_paper = float(cover.mean()) < 0.5
    return float(np.median(visible) if mostly_paper else visible.min()) >= 128


def ink_box(pixels: Pixels, threshold: int = PAPER) -> tuple[int, int, int, int] | None:
    """(top, bottom, left, right), ends excluded, of all pixels below `threshold`; None where there are none."""
    ink = pixels < threshold
    rows = np.flatnonzero(ink.any(axis=1))
    if not len(rows):
        return None
    columns = np.flatnonzero(ink.any(axis=0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


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


def downsample(pixels: Pixels, factor: int) -> Pixels:
    """Shrink by a whole factor, by the mean of each factor x factor block, rounded half up.

    The mean keeps the amount of ink and is the same on every machine, where a filter in floating point need not be.
    Sides that are no multiple of the factor are filled up with paper at the bottom and the right.
    """
    if factor == 1:
        return pixels.copy()
    height, width = pixels.shape
    filled = np.pad(pixels, ((0, -height % factor), (0, -width % factor)), constant_values=PAPER)
    area = factor * factor
    sums = np.full((filled.shape[0] // factor, filled.shape[1] // factor), area // 2, np.uint32)
    # Whole images are added, one for each place in a block: numpy sums over two short axes eighteen times slower.
    for row in range(factor):
        for column in range(factor):
            sums += filled[row::factor, column::factor]
    return (sums // area).astype(np.uint8)


def to_dataset_image(pixels: Pixels, params: ImageParams) -> Pixels:
    """A rendering as the data set stores it: cropped to its ink, padded, then downsampled."""
    return downsample(pad(crop(pixels), params.padding_px), params.downsample)
