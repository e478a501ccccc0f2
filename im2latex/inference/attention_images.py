"""Attention over an image as a picture: a PNG with a panel for each token, or a GIF with a frame for each.

writes  a .png or .gif file
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from im2latex.errors import UsageError
from im2latex.images.arrays import Pixels
from im2latex.types import Prediction

SUFFIXES = (".png", ".gif")
MIN_WIDTH_PX = 320
"""Images are enlarged by a whole factor to about this width."""
LABEL_PX = 22
COLOUR = np.array([220, 60, 20])
"""Of full attention; none leaves the image as it is."""
FRAME_MS = 400
LAST_FRAME_MS = 2000


def check_suffix(path: Path) -> None:
    """Raise `UsageError` for a file that is neither a PNG nor a GIF."""
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{path}: attention is written as {' or '.join(SUFFIXES)}; name a file that ends so")


def save_attention(prediction: Prediction, path: Path) -> None:
    """Write the attention of a prediction that has it; raises `UsageError` for another suffix."""
    check_suffix(path)
    assert prediction.image is not None, "predicted"
    assert prediction.attention is not None, "requested"
    panels = attention_panels(prediction.image, prediction.attention, prediction.tokens)
    if path.suffix.lower() == ".png":
        contact_sheet(panels).save(path)
        return
    durations = [FRAME_MS] * (len(panels) - 1) + [LAST_FRAME_MS]
    panels[0].save(path, save_all=True, append_images=panels[1:], duration=durations, loop=0)


def attention_panels(image: Pixels, maps: NDArray[np.float32], tokens: Sequence[str]) -> list[Image.Image]:
    """The image (H, W) under each of the maps (T, rows, columns), with the token as its label."""
    factor = max(1, round(MIN_WIDTH_PX / image.shape[1]))
    paper = np.kron(image, np.ones((factor, factor), image.dtype))
    return [_panel(paper, weights, token) for weights, token in zip(maps, tokens, strict=True)]


def contact_sheet(panels: Sequence[Image.Image]) -> Image.Image:
    """The panels in rows from the left, about as wide as high together."""
    width, height = panels[0].size
    columns = min(len(panels), max(1, round(math.sqrt(len(panels) * height / width))))
    rows = math.ceil(len(panels) / columns)
    sheet = Image.new("RGB", (columns * width, rows * height), "white")
    for place, panel in enumerate(panels):
        sheet.paste(panel, (place % columns * width, place // columns * height))
    return sheet


def _panel(paper: Pixels, weights: NDArray[np.float32], token: str) -> Image.Image:
    height, width = paper.shape
    shares = Image.fromarray(weights / max(float(weights.max()), 1e-9)).resize((width, height), Image.Resampling.BOX)
    tint = 0.7 * np.asarray(shares)[:, :, None]
    pixels = paper[:, :, None] * (1 - tint) + np.minimum(COLOUR, paper[:, :, None]) * tint
    panel = Image.new("RGB", (width, height + LABEL_PX), "white")
    panel.paste(Image.fromarray(pixels.round().astype(np.uint8)), (0, LABEL_PX))
    ImageDraw.Draw(panel).text((4, 2), token, fill="black", font=ImageFont.load_default(LABEL_PX - 8))
    return panel
