import numpy as np
import pytest
from PIL import Image

from im2latex.errors import ImageError
from im2latex.images.arrays import ink_box
from im2latex.images.crop import crop_ink
from im2latex.images.font_size import estimate_font_size
from im2latex.images.foreground import estimate_ink
from im2latex.images.preprocess import InputImageSpec, preprocess, resize_ink
from tests.images.typed import coloured, typed

TARGET = InputImageSpec(em=16.6, padding=4, height=160, width=800)


def canonical() -> np.ndarray:
    """An image of the size that is wanted, by the estimate itself, with the padding that is wanted."""
    ink = crop_ink(estimate_ink(typed()))
    assert ink is not None
    return resize_ink(ink, TARGET.em / estimate_font_size(ink).em, TARGET)[0]


CANONICAL = canonical()


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Correlation of the ink of two images, the second brought to the size of the first."""
    size = (one.shape[1], one.shape[0])
    brought = np.asarray(Image.fromarray(other).resize(size, Image.Resampling.BILINEAR))
    return float(np.corrcoef(one.ravel(), brought.ravel())[0, 1])


def test_an_image_as_in_training_stays_as_it_is() -> None:
    found = preprocess(CANONICAL, TARGET)
    assert found.factor == 1
    assert np.abs(np.subtract(found.pixels.shape, CANONICAL.shape)).max() <= 2
    assert likeness(CANONICAL, found.pixels) > 0.95


def test_only_what_is_much_too_small_is_enlarged() -> None:
    ink = crop_ink(estimate_ink(typed()))
    assert ink is not None
    assert resize_ink(ink, 1.35, TARGET)[1] == 1
    assert resize_ink(ink, 1.5, TARGET)[1] == 1.5


def test_an_image_that_fits_as_it_is_is_not_refused() -> None:
    ink = crop_ink(estimate_ink(typed()))
    assert ink is not None
    page = InputImageSpec(em=16.6, padding=0, height=ink.shape[0], width=ink.shape[1])
    assert resize_ink(ink, 1.35, page)[1] == 1


def test_light_ink_on_dark_is_the_same() -> None:
    np.testing.assert_array_equal(preprocess(255 - CANONICAL, TARGET).pixels, preprocess(CANONICAL, TARGET).pixels)


@pytest.mark.parametrize("em", [24, 40, 80, 160])
def test_any_resolution_comes_near_to_the_same(em: int) -> None:
    found = preprocess(typed(em=em), TARGET).pixels
    assert found.shape[0] == pytest.approx(CANONICAL.shape[0], rel=0.15)
    assert likeness(CANONICAL, found) > 0.8


def test_paper_beside_the_formula_does_not_matter() -> None:
    wider = np.pad(CANONICAL, ((90, 3), (5, 200)), constant_values=255)
    np.testing.assert_array_equal(preprocess(wider, TARGET).pixels, preprocess(CANONICAL, TARGET).pixels)


def test_colour_and_transparency_do_not_matter() -> None:
    plain = preprocess(CANONICAL, TARGET).pixels
    blue = preprocess(coloured(CANONICAL, (20, 20, 150), (255, 255, 240)), TARGET).pixels
    glass = preprocess(np.dstack([np.zeros_like(CANONICAL)] * 3 + [255 - CANONICAL]), TARGET).pixels
    assert likeness(plain, blue) > 0.98
    assert likeness(plain, glass) > 0.99


def test_a_large_image_is_halved_first() -> None:
    found = preprocess(typed(em=600), TARGET)
    assert found.factor == pytest.approx(preprocess(typed(em=60), TARGET).factor / 10, rel=0.1)


@pytest.mark.parametrize(("height", "width"), [(2500, 2500), (6000, 8000), (9000, 1200)])
def test_a_small_formula_on_a_large_page_is_read_at_its_own_size(height: int, width: int) -> None:
    page = np.full((height, width), 255, np.uint8)
    top, left = height - 200, 300
    page[top : top + CANONICAL.shape[0], left : left + CANONICAL.shape[1]] = CANONICAL
    found, alone = preprocess(page, TARGET), preprocess(CANONICAL, TARGET)
    np.testing.assert_array_equal(found.pixels, alone.pixels)
    assert found.factor == alone.factor
    assert found.center == (alone.center[0] + top, alone.center[1] + left)


def test_there_is_paper_all_around() -> None:
    found = preprocess(typed(em=40), TARGET).pixels
    box = ink_box(found, 200)
    assert box is not None
    top, bottom, left, right = box
    margins = np.array([top, found.shape[0] - bottom, left, found.shape[1] - right])
    assert margins.min() >= TARGET.padding
    assert margins.max() <= TARGET.padding + 2


def test_blank_paper_is_refused() -> None:
    for pixels in (np.full((40, 60), 255, np.uint8), np.zeros((1, 1), np.uint8), np.empty((0, 5), np.uint8)):
        with pytest.raises(ImageError) as refused:
            preprocess(pixels, TARGET)
        assert refused.value.reason == "blank"


def test_what_is_a_little_too_large_is_drawn_smaller() -> None:
    free = preprocess(typed(em=40), TARGET)
    narrow = InputImageSpec(em=16.6, padding=4, height=160, width=round(free.pixels.shape[1] / 1.3))
    found = preprocess(typed(em=40), narrow)
    assert found.pixels.shape[1] <= narrow.width
    assert found.factor < free.factor


def test_what_is_much_too_large_is_refused() -> None:
    with pytest.raises(ImageError, match="crop it to one formula") as refused:
        preprocess(typed(em=40), InputImageSpec(em=16.6, padding=4, height=160, width=60))
    assert refused.value.reason == "too_large"
