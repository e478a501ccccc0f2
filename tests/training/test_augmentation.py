import io

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from im2latex.training.augmentation import PADDING_STEP_PX, AugmentationParams, affine_transform, augment, compress_jpeg

PAGES = torch.full((4, 1, 32, 64), 255, dtype=torch.uint8)
PAGES[:, :, 10:20, 20:40] = torch.randint(0, 200, (4, 1, 10, 20), dtype=torch.uint8)
GRADED = (
    "scale",
    "shift",
    "rotation",
    "padding",
    "stroke",
    "resolution",
    "blur",
    "gamma",
    "contrast",
    "brightness",
    "noise",
)
SHARES = ("slivers", "rule", "box", "highlight")
PHOTOGRAPHED = ("keystone", "shadow", "jpeg")
NAMES = (*GRADED, *SHARES, *PHOTOGRAPHED)
STRENGTHS: dict[str, float] = dict(
    zip(NAMES, (0.25, 4, 3, 16, 0.4, 0.6, 1, 0.5, 0.3, 0.2, 0.1, 1, 1, 1, 1, 0.3, 0.4, 0.9), strict=True)
)

every = pytest.mark.parametrize("name", NAMES)


def params(**strengths: float) -> AugmentationParams:
    return AugmentationParams.model_validate({"contrast": 0, "brightness": 0, "noise": 0} | strengths)


def draw(seed: int, pages: Tensor = PAGES, /, **strengths: float) -> Tensor:
    return augment(pages, params(**strengths), torch.Generator().manual_seed(seed))


def test_nothing_asked_nothing_changed() -> None:
    torch.testing.assert_close(draw(1), PAGES.float(), atol=1e-3, rtol=0)


@every
def test_each_follows_the_seed_and_stays_within_pixels(name: str) -> None:
    strength = {name: STRENGTHS[name]}
    varied = draw(1, **strength)
    assert torch.equal(varied, draw(1, **strength))
    assert varied.min() >= 0
    assert varied.max() <= 255
    others = [draw(seed, **strength) for seed in range(2, 6)]
    assert any(other.shape != varied.shape or not torch.equal(varied, other) for other in others)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "padding" and name not in SHARES])
def test_a_little_changes_less_than_much(name: str) -> None:
    little, much = (draw(3, **{name: STRENGTHS[name] * share}) for share in (0.25, 1))
    assert 0 < (little - PAGES).abs().sum() < (much - PAGES).abs().sum()


def test_what_happens_to_an_image_does_not_depend_on_its_neighbours() -> None:
    strengths = {name: value for name, value in STRENGTHS.items() if name != "padding"}
    changed = PAGES.clone()
    changed[2:] = 255
    whole = draw(7, **strengths)
    torch.testing.assert_close(draw(7, changed, **strengths)[:2], whole[:2])
    torch.testing.assert_close(draw(7, PAGES[:2], **strengths), whole[:2])


def test_one_variation_does_not_move_the_draws_of_another() -> None:
    paper = torch.full_like(PAGES, 255)
    assert torch.equal(
        draw(5, paper, brightness=0.2), draw(5, paper, brightness=0.2, scale=0.25, shift=4, gamma=0.5, stroke=0.4)
    )


def test_contrast_leaves_paper_and_light_darkens_it() -> None:
    paper = PAGES == 255
    assert (draw(1, contrast=0.5)[paper] == 255).all()
    assert (draw(1, brightness=0.5)[paper] < 255).all()


def test_strokes_grow_and_shrink_and_never_vanish() -> None:
    amounts = [(255 - draw(seed, stroke=0.5)).sum(dim=(1, 2, 3)) for seed in range(8)]
    before = (255 - PAGES.float()).sum(dim=(1, 2, 3))
    assert (torch.stack(amounts) > before).any()
    assert (torch.stack(amounts) < before).any()
    assert (torch.stack(amounts) > 0.4 * before).all()


def test_blur_keeps_the_amount_of_ink() -> None:
    torch.testing.assert_close((255 - draw(2, blur=1)).sum(), (255 - PAGES.float()).sum(), rtol=1e-4, atol=0)


def test_lost_resolution_keeps_the_amount_of_ink_and_half_the_images_as_they_are() -> None:
    many = PAGES.repeat(16, 1, 1, 1)
    coarse = draw(2, many, resolution=0.6)
    kept = ((coarse - many).abs() < 1e-3).flatten(1).all(dim=1).float().mean()
    assert 0.3 < kept < 0.7
    torch.testing.assert_close((255 - coarse).sum(), (255 - many.float()).sum(), rtol=0.02, atol=0)


def test_padding_adds_whole_steps_of_paper() -> None:
    sizes = {tuple(draw(seed, padding=16).shape[2:]) for seed in range(30)}
    assert len(sizes) > 5
    for height, width in sizes:
        assert (height - 32) % PADDING_STEP_PX == (width - 64) % PADDING_STEP_PX == 0
        assert 32 <= height <= 64
        assert 64 <= width <= 96
    padded = draw(4, padding=16)
    assert float((255 - padded).sum()) == pytest.approx(float((255 - PAGES.float()).sum()))


def test_it_ends_before_the_last_share_of_the_budget() -> None:
    chosen = params(scale=0.2, noise=0.1, disable_for_last=0.1)
    assert chosen.at(0.0) == chosen.at(0.89) == chosen
    assert chosen.at(0.9) == params() == chosen.at(1.0)
    assert params(noise=0.1).at(0.9999) == params(noise=0.1)


@pytest.mark.parametrize("name", SHARES)
def test_a_share_of_the_pages_has_what_people_crop_along(name: str) -> None:
    pages = PAGES[:1].repeat(400, 1, 1, 1)
    changed = (draw(2, pages, **{name: 0.3}) - pages).abs().flatten(1).amax(dim=1) > 1
    assert 0.2 < changed.float().mean() < 0.6
    assert ((draw(2, pages, **{name: 1.0}) - pages).abs().flatten(1).amax(dim=1) > 1).all()


@pytest.mark.parametrize("name", SHARES)
def test_what_is_beside_the_formula_does_not_touch_it(name: str) -> None:
    varied = draw(3, **{name: 1.0})
    assert (varied <= PAGES + 1e-3).all(), "ink is only added"
    if name != "highlight":
        torch.testing.assert_close(varied[:, :, 9:21, 19:41], PAGES[:, :, 9:21, 19:41].float(), atol=1e-3, rtol=0)


@pytest.mark.parametrize("name", SHARES)
def test_a_formula_that_fills_its_page_keeps_its_ink(name: str) -> None:
    full = torch.randint(0, 200, (3, 1, 24, 48), dtype=torch.uint8)
    assert (draw(4, full, **{name: 1.0}) <= full + 1e-3).all()


def test_a_slanted_page_loses_no_ink() -> None:
    full = torch.full((8, 1, 24, 48), 255, dtype=torch.uint8)
    full[:, :, [0, -1]] = 0
    full[:, :, :, [0, -1]] = 0
    varied = 255 - draw(4, full, keystone=0.4)
    assert (varied.amax(dim=(1, 3)).amin(dim=1) > 0).any()
    assert (varied.sum(dim=(1, 2, 3)) > 0.5 * (255 - full.float()).sum(dim=(1, 2, 3))).all()


def test_jpeg_is_that_of_a_library() -> None:
    """At one quality, as Pillow writes it, within the rounding of pixels."""
    page = PAGES[:1, :, :, :]
    stream = io.BytesIO()
    Image.fromarray(page[0, 0].numpy()).save(stream, "JPEG", quality=50)
    expected = torch.from_numpy(np.array(Image.open(stream))).float()
    found = 255 - 255 * compress_jpeg((255.0 - page) / 255.0, 1.0, torch.tensor([[0.5]]))[0, 0]
    assert (found - expected).abs().mean() < 1


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


def test_an_image_as_large_as_its_page_stays_as_it_is() -> None:
    full = torch.rand(1, 1, 16, 32, generator=torch.Generator().manual_seed(0)).clamp(min=0.1)
    torch.testing.assert_close(moved(full, 1.2, 5, 4, 4), full, atol=1e-4, rtol=0)


def test_blank_pages_stay_blank() -> None:
    assert not moved(torch.zeros(2, 1, 16, 32), 0.8, 5, 3, 3).any()
