import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from im2latex.images.foreground import estimate_ink
from tests.images.typed import coloured, typed

TYPED = typed()
INK = 1 - TYPED / 255


def off(found: np.ndarray) -> float:
    """How much ink is wrong, as a share of all ink."""
    return float(np.abs(found - INK).sum() / INK.sum())


def test_black_on_white_is_taken_as_it_is() -> None:
    assert off(estimate_ink(TYPED)) < 0.001


def test_light_on_dark_is_the_same() -> None:
    np.testing.assert_allclose(estimate_ink(255 - TYPED), estimate_ink(TYPED), atol=1e-6)


def test_grey_and_colour_are_the_same() -> None:
    np.testing.assert_allclose(estimate_ink(np.dstack([TYPED] * 3)), estimate_ink(TYPED), atol=1e-5)


COLOURS = [
    ((0, 0, 0), (255, 240, 200)),
    ((200, 20, 30), (250, 250, 240)),
    ((0, 0, 200), (255, 255, 255)),
    ((220, 220, 220), (30, 30, 46)),
    ((240, 230, 60), (20, 30, 120)),
    ((255, 60, 60), (60, 140, 60)),
    ((150, 150, 150), (255, 255, 255)),
    ((90, 90, 90), (30, 30, 30)),
]


@pytest.mark.parametrize(("ink", "paper"), COLOURS)
def test_any_ink_on_any_paper(ink: tuple[int, int, int], paper: tuple[int, int, int]) -> None:
    assert off(estimate_ink(coloured(TYPED, ink, paper))) < 0.13


@pytest.mark.parametrize("level", [0, 255])
def test_transparent_paper_differs_from_the_ink(level: int) -> None:
    hidden = np.full_like(TYPED, 77)  # pixels behind full transparency have no meaning
    ink = np.where(TYPED < 255, level, hidden).astype(np.uint8)
    assert off(estimate_ink(np.dstack([ink, ink, ink, 255 - TYPED]))) < 0.01


def test_light_that_falls_off_is_levelled() -> None:
    height, width = TYPED.shape
    rows, columns = np.mgrid[:height, :width]
    light = 250 - 120 * columns / width - 40 * (rows / height) ** 2
    assert off(estimate_ink((light * (1 - 0.8 * INK)).astype(np.uint8))) < 0.13


def test_noise_of_the_paper_is_no_ink() -> None:
    noise = np.random.default_rng(3).normal(0, 8, TYPED.shape)
    found = estimate_ink((0.8 * TYPED + 20 + noise).clip(0, 255).astype(np.uint8))
    assert np.median(found[TYPED == 255]) == 0
    assert off(found) < 0.25


def test_jpeg_keeps_the_ink() -> None:
    file = io.BytesIO()
    Image.fromarray(TYPED).save(file, "JPEG", quality=40)
    assert off(estimate_ink(np.asarray(Image.open(file)))) < 0.12


def test_texture_of_blank_paper_is_no_ink() -> None:
    noise = np.random.default_rng(3).normal(230, 3, (60, 90)).clip(0, 255).astype(np.uint8)
    assert not estimate_ink(noise).any()
    for level in (0, 128, 255):
        assert not estimate_ink(np.full((30, 40), level, np.uint8)).any()


@given(arrays.arrays(np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.integers(0, 255)))
def test_any_pixels_give_shares(pixels: np.ndarray) -> None:
    found = estimate_ink(pixels)
    assert found.shape == pixels.shape
    assert found.min() >= 0
    assert found.max() <= 1


@pytest.mark.parametrize("marker", [(255, 255, 60), (120, 255, 120), (255, 170, 220), (150, 220, 255)])
@pytest.mark.parametrize("part", [(0.33, 0.66), (0.0, 0.5), (0.0, 1.0), (0.6, 0.9)])
def test_a_highlighted_part_is_paper(marker: tuple[int, int, int], part: tuple[float, float]) -> None:
    plain = typed()
    colors = np.stack([plain] * 3, axis=2)
    start, stop = (round(share * plain.shape[1]) for share in part)
    colors[:, start:stop] = np.minimum(colors[:, start:stop], np.array(marker, np.uint8))
    expected, found = estimate_ink(plain), estimate_ink(colors)
    assert np.abs(expected - found).mean() < 0.03


def test_colored_symbols_beside_black_ones_are_no_highlight() -> None:
    plain = typed(em=60)
    colors = np.stack([plain] * 3, axis=2)
    half = plain.shape[1] // 2
    colors[:, half:, 0] = 255  # red ink
    found = estimate_ink(colors)
    assert found[:, half:].max() > 0.7


def test_colors_without_any_alpha_are_visible() -> None:
    plain = typed()
    invisible = np.dstack([plain] * 3 + [np.zeros_like(plain)])
    np.testing.assert_allclose(estimate_ink(invisible), estimate_ink(plain), atol=1e-6)
