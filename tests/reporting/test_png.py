import io

import numpy as np
from PIL import Image

from im2latex.reporting.breakdown_model import InlineImage
from im2latex.reporting.difference import Overlay
from im2latex.reporting.png import (
    COLOURS,
    MAX_HEIGHT_PX,
    MAX_WIDTH_PX,
    data_uri,
    grey_image,
    overlay_image,
    stored_image,
)


def opened(image: InlineImage) -> Image.Image:
    return Image.open(io.BytesIO(image.png))


def test_pixels_survive_and_density_sets_the_size_shown() -> None:
    pixels = np.arange(200, dtype=np.uint8).reshape(10, 20)
    image = grey_image(pixels, density=2)
    assert np.array_equal(np.asarray(opened(image)), pixels)
    assert (image.width, image.height) == (10, 5)
    assert image == grey_image(pixels, density=2)


def test_a_photograph_is_shrunk_but_shown_as_large() -> None:
    image = grey_image(np.full((3000, 4000), 255, np.uint8), density=1)
    width, height = opened(image).size
    assert width <= MAX_WIDTH_PX
    assert height <= MAX_HEIGHT_PX
    assert (image.width, image.height) == (4000, 3000)


def test_an_overlay_has_its_colours() -> None:
    found = np.asarray(opened(overlay_image(np.array([list(Overlay)], np.uint8), density=1)).convert("RGB"))
    assert [tuple(int(channel) for channel in pixel) for pixel in found[0]] == list(COLOURS.values())


def test_bytes_that_are_no_image_are_none() -> None:
    assert stored_image(b"no image", density=1) is None


def test_data_uri() -> None:
    assert data_uri(b"\x00") == "data:image/png;base64,AA=="
