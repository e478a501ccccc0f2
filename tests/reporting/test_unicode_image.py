import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from im2latex.reporting.unicode_image import blocks
from tests.metrics.drawings import drawing


def test_two_pixels_are_one_character() -> None:
    assert blocks(drawing("#..#", "##..", "..#."), 80, 10) == ["█▄ ▀", "  ▀"]


def test_a_thin_stroke_does_not_vanish() -> None:
    pixels = np.full((40, 400), 255, np.uint8)
    pixels[:, 200:202] = 0
    assert all(line.strip() for line in blocks(pixels, 80, 20))


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (900, 1)])
def test_thin_images_have_a_line(shape: tuple[int, int]) -> None:
    assert "".join(blocks(np.zeros(shape, np.uint8), 40, 8)).strip("█▀▄") == ""


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 60), st.integers(1, 20))
def test_it_fits(height: int, width: int, columns: int, lines: int) -> None:
    drawn = blocks(np.zeros((height, width), np.uint8), columns, lines)
    assert 1 <= len(drawn) <= lines
    assert all(1 <= len(line) <= columns for line in drawn)
