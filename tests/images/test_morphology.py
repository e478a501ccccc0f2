import numpy as np
import pytest
from scipy import ndimage

from im2latex.images.morphology import box_mean, connected_components, dilate


@pytest.mark.parametrize("share", [0.0, 0.05, 0.3, 0.45, 0.6, 1.0])
@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (30, 1), (25, 40), (60, 60)])
def test_components_are_those_of_scipy(shape: tuple[int, int], share: float) -> None:
    for seed in range(5):
        mask = np.random.default_rng(seed).random(shape) < share
        found = connected_components(mask)
        labels, count = ndimage.label(mask, np.ones((3, 3), np.uint8))
        np.testing.assert_array_equal(found.labels, labels)
        np.testing.assert_array_equal(found.areas, np.bincount(labels.ravel(), minlength=count + 1)[1:])
        boxes = [(y.start, y.stop, x.start, x.stop) for y, x in ndimage.find_objects(labels)]
        np.testing.assert_array_equal(found.boxes, np.array(boxes).reshape(-1, 4))


def test_a_long_spiral_is_one_component() -> None:
    mask = np.zeros((81, 81), np.bool_)
    for ring in range(0, 40, 4):
        mask[ring, ring : 81 - ring] = mask[ring : 81 - ring, 80 - ring] = True
        mask[80 - ring, ring : 81 - ring] = mask[ring + 2 : 81 - ring, ring] = True
        mask[ring + 2, ring : ring + 5] = True
    assert len(connected_components(mask).boxes) == ndimage.label(mask, np.ones((3, 3)))[1]


@pytest.mark.parametrize("iterations", [1, 2, 5])
def test_dilation_is_that_of_scipy(iterations: int) -> None:
    mask = np.random.default_rng(0).random((30, 20)) < 0.02
    np.testing.assert_array_equal(dilate(mask, iterations), ndimage.binary_dilation(mask, iterations=iterations))


@pytest.mark.parametrize("size", [1, 3, 4, 9, 50])
def test_box_means_are_those_of_scipy(size: int) -> None:
    mask = np.random.default_rng(0).random((30, 41)) < 0.7
    np.testing.assert_allclose(box_mean(mask, size), ndimage.uniform_filter(mask.astype(np.float64), size), atol=1e-9)
