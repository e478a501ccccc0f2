"""Images of typed lines, in the font that comes with Pillow: formulas enough for all that looks at pixels alone."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

FINER = 4


def typed(text: str = "ax + b = c, y' < 12 i", em: float = 40, margin: int = 10) -> NDArray[np.uint8]:
    """Black on white, of type `em` pixels high."""
    font = ImageFont.load_default(FINER * em)
    left, top, right, bottom = map(round, font.getbbox(text))
    width, height = right - left + 2 * FINER * margin, bottom - top + 2 * FINER * margin
    image = Image.new("L", (width, height), 255)
    ImageDraw.Draw(image).text((FINER * margin - left, FINER * margin - top), text, font=font)
    return np.asarray(image.reduce(FINER))


def coloured(pixels: NDArray[np.uint8], ink: tuple[int, int, int], paper: tuple[int, int, int]) -> NDArray[np.uint8]:
    """The same image (H, W, 3) with that ink on that paper."""
    share = pixels[..., None] / 255
    return np.rint(np.array(paper) * share + np.array(ink) * (1 - share)).astype(np.uint8)
