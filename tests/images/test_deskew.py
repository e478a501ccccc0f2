import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from im2latex.images.deskew import MIN_WIDTH, deskew, skew_degrees
from im2latex.images.foreground import Ink


def line(letters: int = 24) -> Ink:
    """A line of letters like o and l beside each other, with a bar below some of them."""
    page = np.zeros((60, 16 * letters + 40), np.float32)
    for number in range(letters):
        left = 20 + 16 * number
        top = 12 if number % 3 == 0 else 24
        page[top:40, left : left + 3] = 1
        page[24:40, left + 7 : left + 10] = 1
        page[24:27, left : left + 10] = page[37:40, left : left + 10] = 1
    page[46:48, 20:140] = 1
    return page


def turned(ink: Ink, degrees: float) -> NDArray[np.float32]:
    return np.asarray(Image.fromarray(ink).rotate(-degrees, Image.Resampling.BILINEAR, expand=True, fillcolor=0))


@pytest.mark.parametrize("degrees", [-2.5, -1.0, 1.0, 2.0, 3.0])
def test_the_angle_is_found_with_its_sign(degrees: float) -> None:
    assert skew_degrees(turned(line(), degrees)) == pytest.approx(degrees, abs=0.2)


@pytest.mark.parametrize("degrees", [-2.0, 2.0])
def test_what_was_turned_is_as_tall_as_before(degrees: float) -> None:
    def height(ink: Ink) -> int:
        return int((ink > 0.5).any(axis=1).sum())

    askew = turned(line(), degrees)
    assert height(askew) > height(line()) + 8
    assert height(deskew(askew)) == pytest.approx(height(line()), abs=3)


def test_upright_formulas_are_not_touched() -> None:
    ink = line()
    assert deskew(ink) is ink


def test_few_symbols_are_left_unchanged() -> None:
    rising = np.zeros((60, 60), np.float32)
    for place in range(40):
        rising[10 + place // 4 : 13 + place // 4, 10 + place] = 1
    assert rising.shape[1] < MIN_WIDTH * 3
    assert skew_degrees(rising) == 0.0


def test_no_ink_has_no_angle() -> None:
    assert skew_degrees(np.zeros((20, 400), np.float32)) == 0.0
