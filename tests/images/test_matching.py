import numpy as np
import pytest
from PIL import Image, ImageFilter

from im2latex.images.arrays import Pixels, pad
from im2latex.images.matching import MAX_DISTANCE, ImageMatcher
from tests.images.typed import typed

FORMULA, NEAR, OTHER = typed("x + y = 12", 60), typed("x + y = 13", 60), typed("sum of all", 60)


def resized(image: Pixels, factor: float) -> Pixels:
    height, width = image.shape
    size = round(width * factor), round(height * factor)
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))


def lighter(image: Pixels) -> Pixels:
    return (255 - (255 - image.astype(float)) * 0.8).astype(np.uint8)


def blurred(image: Pixels) -> Pixels:
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(0.7)))


def test_equal_images_have_no_distance_wherever_they_are() -> None:
    assert ImageMatcher(FORMULA).distance(FORMULA) == 0
    assert ImageMatcher(np.pad(FORMULA, ((3, 20), (40, 0)), constant_values=255)).distance(pad(FORMULA, 9)) == 0


@pytest.mark.parametrize("change", [lambda x: resized(x, 0.8), lambda x: resized(x, 1.5), lighter, blurred])
def test_size_and_weight_change_less_than_a_digit(change: object) -> None:
    assert callable(change)
    matcher = ImageMatcher(change(FORMULA))
    same, near, other = (matcher.distance(image) for image in (FORMULA, NEAR, OTHER))
    assert same < near < other <= MAX_DISTANCE


def test_paper_without_ink_matches_nothing() -> None:
    blank = np.full((20, 30), 255, np.uint8)
    assert ImageMatcher(FORMULA).distance(blank) == MAX_DISTANCE
    assert ImageMatcher(blank).distance(FORMULA) == MAX_DISTANCE
