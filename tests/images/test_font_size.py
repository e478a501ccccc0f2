import numpy as np
import pytest

from im2latex.images.crop import crop_ink
from im2latex.images.font_size import estimate_font_size
from im2latex.images.foreground import estimate_ink
from tests.images.typed import typed


def ink(text: str, em: float) -> np.ndarray:
    found = crop_ink(estimate_ink(typed(text, em)))
    assert found is not None
    return found


@pytest.mark.parametrize("text", ["ax + b = c, y' < 12 i", "x = 1", "A", "x"])
def test_twice_the_image_is_twice_the_type(text: str) -> None:
    sizes = [estimate_font_size(ink(text, em)).em for em in (20, 40, 80)]
    assert sizes[1] / sizes[0] == pytest.approx(2, rel=0.15)
    assert sizes[2] / sizes[1] == pytest.approx(2, rel=0.08)


@pytest.mark.parametrize("text", ["ax + b = c, y' < 12 i", "f(x) = 3x - 4"])
def test_the_font_size_of_a_line_of_letters(text: str) -> None:
    """The type is none of those that were fitted, and letters of one nominal size differ."""
    assert estimate_font_size(ink(text, 30)).em == pytest.approx(30, rel=0.3)


def test_a_single_letter_is_less_sure_than_a_line() -> None:
    assert estimate_font_size(ink("o", 30)).spread > estimate_font_size(ink("ax + b = c, y' < 12 i", 30)).spread
