import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from im2latex.training.affine import affine_transform


def page(height: int = 24, width: int = 48, at: tuple[int, int] = (8, 20)) -> Tensor:
    """A block of ink of 6 x 10, darker at its right, on a page."""
    ink = torch.zeros(1, 1, height, width)
    ink[0, 0, at[0] : at[0] + 6, at[1] : at[1] + 10] = torch.linspace(0.4, 1, 10)
    return ink


def moved(ink: Tensor, factor: float = 1, degrees: float = 0, down: float = 0, right: float = 0) -> Tensor:
    one = torch.ones(len(ink), 1, 1, 1)
    return affine_transform(ink, factor * one, degrees * one, torch.stack([down * one, right * one]))


def test_nothing_asked_nothing_moved() -> None:
    torch.testing.assert_close(moved(page()), page(), atol=1e-4, rtol=0)


def test_whole_pixels_are_a_plain_copy_elsewhere() -> None:
    torch.testing.assert_close(moved(page(), down=3, right=-7), page(at=(11, 13)), atol=1e-4, rtol=0)


def test_a_factor_scales_both_sides() -> None:
    mass = float(page().sum())
    for factor in (0.8, 1.25, 1.5):
        assert float(moved(page(), factor).sum()) == pytest.approx(mass * factor**2, rel=0.03)
    wide = moved(page(), 1.5)[0, 0] > 0.2
    assert int(wide.any(1).sum()) == pytest.approx(9, abs=1)
    assert int(wide.any(0).sum()) == pytest.approx(15, abs=1)


def test_a_turn_lowers_the_right_side() -> None:
    turned = moved(page(), degrees=15)[0, 0]
    heights = (turned * torch.arange(24)[:, None]).sum(0) / turned.sum(0).clamp(min=1e-6)
    assert float(heights[28] - heights[21]) == pytest.approx(7 * 0.268, abs=0.3)  # the tangent of 15 degrees


@settings(max_examples=60)
@given(
    st.floats(0.5, 2.0),
    st.floats(-15, 15),
    st.floats(-30, 30),
    st.floats(-60, 60),
    st.integers(1, 16),
    st.integers(1, 36),
)
def test_ink_stays_on_the_page(factor: float, degrees: float, down: float, right: float, top: int, left: int) -> None:
    found = moved(page(at=(top, left)), factor, degrees, round(down), round(right))
    inner = torch.zeros(1, 1, 80, 120)
    inner[..., 28:52, 36:84] = page(at=(top, left))
    # The same in the middle of a page so large that nothing can leave it.
    roomy = moved(inner, min(factor, 24 / 7), 0)
    assert found.sum() >= 0.9 * min(float(roomy.sum()), float(page().sum()) * factor**2)


def test_a_image_as_large_as_its_page_stays_as_it_is() -> None:
    full = torch.rand(1, 1, 16, 32, generator=torch.Generator().manual_seed(0)).clamp(min=0.1)
    torch.testing.assert_close(moved(full, 1.2, 5, 4, 4), full, atol=1e-4, rtol=0)


def test_blank_pages_stay_blank() -> None:
    assert not moved(torch.zeros(2, 1, 16, 32), 0.8, 5, 3, 3).any()
