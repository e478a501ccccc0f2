import io

import numpy as np
from PIL import Image

from im2latex.reporting.figures import (
    COLOURS,
    MAX_HEIGHT_PX,
    MAX_WIDTH_PX,
    OverlayPixel,
    data_uri,
    grey_image,
    overlay,
    overlay_image,
    stored_image,
)
from im2latex.reporting.report_data import InlineImage
from tests.metrics.drawings import drawing


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
    found = np.asarray(opened(overlay_image(np.array([list(OverlayPixel)], np.uint8), density=1)).convert("RGB"))
    assert [tuple(int(channel) for channel in pixel) for pixel in found[0]] == list(COLOURS.values())


def test_bytes_that_are_no_image_are_none() -> None:
    assert stored_image(b"no image", density=1) is None


def test_data_uri() -> None:
    assert data_uri(b"\x00") == "data:image/png;base64,AA=="


BOTH, MISSED, ADDED = int(OverlayPixel.BOTH), int(OverlayPixel.MISSED), int(OverlayPixel.ADDED)
LETTERS = ["###.#.#..#", "#...###.##", "###.#.#..#"]


def test_equal_images_have_no_colour() -> None:
    found = overlay(drawing(*LETTERS), drawing(*LETTERS))
    assert set(np.unique(found)) == {0, BOTH}


def test_a_lost_symbol_colours_only_itself() -> None:
    rest = [row[:3] + row[7:] for row in LETTERS]
    found = overlay(drawing(*LETTERS), drawing(*rest))
    assert (found == MISSED).sum() == sum(row[3:7].count("#") for row in LETTERS)
    assert ADDED not in found
    assert (overlay(drawing(*rest), drawing(*LETTERS)) == ADDED).sum() == (found == MISSED).sum()


def test_a_taller_image_is_moved_onto_the_other() -> None:
    taller = ["..........##", "..........##", *(row + ".." for row in LETTERS)]
    found = overlay(drawing(*LETTERS), drawing(*taller))
    assert (found == ADDED).sum() == 4
    assert MISSED not in found


def test_other_ink_in_the_same_place_shows_both_colours() -> None:
    found = overlay(drawing("##", "#."), drawing("##", ".#"))
    assert {BOTH, MISSED, ADDED} <= set(np.unique(found))


def test_blank_paper_can_be_compared() -> None:
    blank = np.full((3, 4), 255, np.uint8)
    assert not overlay(blank, blank).any()
    assert (overlay(drawing("##"), blank) == MISSED).sum() == 2
