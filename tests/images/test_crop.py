import numpy as np
import pytest
from PIL import Image

from im2latex.images.crop import crop_ink, stroke_width
from im2latex.images.foreground import Ink, estimate_ink
from tests.images.typed import typed

WIDE_INK = (1 - typed(margin=60) / 255).astype(np.float32)
ALONE = crop_ink(WIDE_INK)


def same(ink: np.ndarray) -> bool:
    found = crop_ink(ink)
    return found is not None and ALONE is not None and np.array_equal(found, ALONE)


def test_the_crop_holds_all_ink_and_little_else() -> None:
    assert ALONE is not None
    rows, columns = np.nonzero(WIDE_INK)
    assert abs(ALONE.shape[0] - np.ptp(rows) - 1) <= 4
    assert abs(ALONE.shape[1] - np.ptp(columns) - 1) <= 4
    assert ALONE.sum() > 0.999 * WIDE_INK.sum()


def test_more_paper_on_any_side_changes_nothing() -> None:
    assert same(np.pad(WIDE_INK, ((0, 300), (7, 41))))


def test_a_speck_far_away_is_left_out() -> None:
    specked = WIDE_INK.copy()
    specked[2:4, 5:7] = 1
    assert same(specked)


def test_the_dark_edge_of_a_scan_is_left_out() -> None:
    edged = WIDE_INK.copy()
    edged[:, :6] = 1
    edged[-4:] = 0.8
    assert same(edged)


@pytest.mark.parametrize("turns", range(4))
def test_a_line_along_an_edge_is_left_out(turns: int) -> None:
    ink = np.rot90(WIDE_INK, turns).copy()
    expected = crop_ink(ink)
    ink[2:4] = 1
    found = crop_ink(ink)
    assert found is not None
    assert expected is not None
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("degrees", [-3, -2, -1, 0.5, 1, 2, 3])
@pytest.mark.parametrize("expand", [True, False])
@pytest.mark.parametrize("paper", [(48, 48), (70, 40), (44, 110)])
def test_the_dark_corners_of_a_rotated_scan_are_left_out(degrees: float, expand: bool, paper: tuple[int, int]) -> None:
    page = Image.fromarray(np.pad(typed(margin=0, em=20), [(each, each) for each in paper], constant_values=255))
    turned = {color: page.rotate(degrees, Image.Resampling.BICUBIC, expand, fillcolor=color) for color in (0, 255)}
    dark, clean = (crop_ink(estimate_ink(np.asarray(turned[color]))) for color in (0, 255))
    assert dark is not None
    assert clean is not None
    assert np.abs(np.subtract(dark.shape, clean.shape)).max() <= 2
    assert dark.sum() == pytest.approx(clean.sum(), rel=0.02)


@pytest.mark.parametrize("thickness", [2, 4])
@pytest.mark.parametrize("gap", [6, 20])
def test_a_line_of_the_formula_that_fills_a_corner_stays(thickness: int, gap: int) -> None:
    letters = (1 - typed("AB", em=60, margin=0) / 255).astype(np.float32)
    overlined = np.pad(letters, ((gap, 0), (0, 0)))
    overlined[:thickness] = 1
    bracketed = np.pad(letters, ((0, 0), (gap, gap)))
    bracketed[:, :thickness] = bracketed[:, -thickness:] = 1
    for ink in (overlined, bracketed):
        found = crop_ink(ink)
        assert found is not None
        assert found.sum() > 0.98 * ink.sum()


def test_what_belongs_to_the_formula_stays() -> None:
    for text in ("i", "x'", "a, b.", "j . . .", "x =", "a            ."):
        pixels = typed(text, margin=30)
        ink = (1 - pixels / 255).astype(np.float32)
        found = crop_ink(ink)
        assert found is not None
        assert found.sum() > 0.98 * ink.sum(), text


def test_a_bar_from_end_to_end_over_a_letter_stays() -> None:
    letter = (1 - typed("x", margin=0) / 255).astype(np.float32)
    barred = np.pad(letter, ((9, 0), (0, 0)))
    barred[:3] = 1
    found = crop_ink(barred)
    assert found is not None
    assert found.shape == barred.shape


def test_blank_paper_has_no_crop() -> None:
    assert crop_ink(np.zeros((20, 30), np.float32)) is None


def test_the_width_of_a_stroke_is_that_of_a_bar() -> None:
    bar = np.zeros((40, 400), np.float32)
    bar[17:23] = 1
    assert stroke_width(bar) == pytest.approx(6, rel=0.05)


def framed(ink: Ink, gap: int, width: int = 2) -> Ink:
    """The ink in a frame with paper around it."""
    inside = np.pad(ink, gap)
    return np.pad(np.pad(inside, width, constant_values=1), 12)


@pytest.mark.parametrize("gap", [3, 12, 30])
def test_a_frame_is_left_out(gap: int) -> None:
    ink = estimate_ink(typed())
    plain, cropped = crop_ink(ink), crop_ink(framed(ink, gap))
    assert plain is not None
    assert cropped is not None
    np.testing.assert_allclose(cropped, plain)


def test_lines_that_are_no_frame_stay() -> None:
    ink = np.pad(estimate_ink(typed()), 6)
    for sides in (((2, 0), (2, 2)), ((2, 2), (0, 2)), ((0, 0), (2, 2))):  # open below, at the left; fences
        bars = np.pad(ink, sides, constant_values=1)
        cropped = crop_ink(np.pad(bars, 12))
        assert cropped is not None
        assert cropped.shape == bars.shape
    table = framed(ink, 4)
    table[:, table.shape[1] // 2] = np.where(table.any(axis=1), 1, 0)
    cropped = crop_ink(table)
    assert cropped is not None
    assert cropped.shape == tuple(side - 24 for side in table.shape)


def test_a_square_alone_stays() -> None:
    square = framed(np.zeros((14, 14), np.float32), 0)
    cropped = crop_ink(square)
    assert cropped is not None
    assert cropped.shape == (18, 18)
