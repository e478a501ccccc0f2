"""Effects on images, deterministic for a seed."""

import numpy as np
import pytest

from benchmarks.robustness.conditions import CLEAN, CONDITIONS
from benchmarks.robustness.dataset import apply_effects
from benchmarks.robustness.effects import Blur, Colours, Effect, Enlarge, Jpeg, Noise, Pixels, Rotate, UnevenPadding


def bar() -> Pixels:
    image = np.full((30, 60), 255, np.uint8)
    image[10:20, 15:45] = 0
    return image


def random() -> np.random.Generator:
    return np.random.default_rng(0)


def test_colours_replace_ink_and_paper() -> None:
    coloured = Colours((10, 20, 30), (200, 210, 220))(bar(), random())
    assert coloured.shape == (30, 60, 3)
    assert coloured[15, 20].tolist() == [10, 20, 30]
    assert coloured[0, 0].tolist() == [200, 210, 220]


def test_transparent_paper_has_an_alpha_channel() -> None:
    image = Colours((255, 255, 255), None)(bar(), random())
    assert image.shape == (30, 60, 4)
    assert (image[15, 20, 3], image[0, 0, 3]) == (255, 0)


def test_blur_keeps_the_amount_of_ink_on_more_paper() -> None:
    blurred = Blur(2.0)(bar(), random())
    assert blurred.shape == (42, 72)
    assert (255 - blurred.astype(int)).sum() == pytest.approx(255 * 300, rel=0.02)


def test_a_rotated_bar_is_taller_and_has_white_corners() -> None:
    rotated = Rotate(10.0)(bar(), random())
    assert rotated[0, 0] == 255
    assert np.flatnonzero((rotated < 128).any(axis=1)).size > 10


def test_jpeg_of_low_quality_changes_more() -> None:
    faults = [np.abs(Jpeg(quality)(bar(), random()).astype(int) - bar()).sum() for quality in (90, 10)]
    assert 0 < faults[0] < faults[1]


def test_enlarged_images_have_more_pixels() -> None:
    assert Enlarge(2.0)(bar(), random()).shape == (60, 120)


@pytest.mark.parametrize("effect", [Noise(0.1), UnevenPadding(40), Rotate(2.0)])
def test_random_effects_depend_on_the_generator_only(effect: Effect) -> None:
    first, second = effect(bar(), random()), effect(bar(), random())
    others = [effect(bar(), np.random.default_rng(seed)) for seed in range(1, 9)]
    assert np.array_equal(first, second)
    assert not all(np.array_equal(first, other) for other in others)


def test_effects_of_every_condition_are_deterministic() -> None:
    for condition in CONDITIONS:
        grey = apply_effects(bar(), condition, "0 a b")
        assert grey.dtype == np.uint8
        assert np.array_equal(grey, apply_effects(bar(), condition, "0 a b"))


def test_names_differ_and_clean_comes_first() -> None:
    names = [condition.name for condition in CONDITIONS]
    assert names[0] == CLEAN
    assert len(set(names)) == len(names)
