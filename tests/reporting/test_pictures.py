import io

import numpy as np
from PIL import Image

from im2latex.reporting.difference import Overlay
from im2latex.reporting.findings import Picture
from im2latex.reporting.pictures import (
    COLOURS,
    MAX_HEIGHT_PX,
    MAX_WIDTH_PX,
    data_uri,
    grey_picture,
    overlay_picture,
    stored_picture,
)


def opened(picture: Picture) -> Image.Image:
    return Image.open(io.BytesIO(picture.png))


def test_pixels_survive_and_density_sets_the_size_shown() -> None:
    pixels = np.arange(200, dtype=np.uint8).reshape(10, 20)
    picture = grey_picture(pixels, density=2)
    assert np.array_equal(np.asarray(opened(picture)), pixels)
    assert (picture.width, picture.height) == (10, 5)
    assert picture == grey_picture(pixels, density=2)


def test_a_photograph_is_shrunk_but_shown_as_large() -> None:
    picture = grey_picture(np.full((3000, 4000), 255, np.uint8), density=1)
    width, height = opened(picture).size
    assert width <= MAX_WIDTH_PX
    assert height <= MAX_HEIGHT_PX
    assert (picture.width, picture.height) == (4000, 3000)


def test_an_overlay_has_its_colours() -> None:
    found = np.asarray(opened(overlay_picture(np.array([list(Overlay)], np.uint8), density=1)).convert("RGB"))
    assert [tuple(int(channel) for channel in pixel) for pixel in found[0]] == list(COLOURS.values())


def test_bytes_that_are_no_picture_are_none() -> None:
    assert stored_picture(b"no picture", density=1) is None


def test_data_uri() -> None:
    assert data_uri(b"\x00") == "data:image/png;base64,AA=="
