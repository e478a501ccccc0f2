import torch

from im2latex.learning.augmentation import AugmentationParams, augment

PAGE = torch.randint(0, 256, (4, 1, 16, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def draw(seed: int, contrast: float, light: float, noise: float) -> torch.Tensor:
    params = AugmentationParams(contrast=contrast, light=light, noise=noise)
    return augment(PAGE, params, torch.Generator().manual_seed(seed))


def test_nothing_asked_nothing_changed() -> None:
    torch.testing.assert_close(draw(1, 0, 0, 0), PAGE.float(), atol=1e-3, rtol=0)


def test_values_stay_pixels_and_follow_the_seed() -> None:
    varied = draw(1, 0.3, 0.2, 0.1)
    assert varied.min() >= 0
    assert varied.max() <= 255
    assert torch.equal(varied, draw(1, 0.3, 0.2, 0.1))
    assert not torch.equal(varied, draw(2, 0.3, 0.2, 0.1))


def test_contrast_leaves_paper_and_light_darkens_it() -> None:
    paper = PAGE == 255
    assert (draw(1, 0.5, 0, 0)[paper] == 255).all()
    assert (draw(1, 0, 0.5, 0)[paper] < 255).all()
