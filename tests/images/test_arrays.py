import io

import numpy as np
import pytest
from PIL import Image

from im2latex.images import arrays
from im2latex.images.decode import decode_png


def image(height: int = 5, width: int = 7) -> arrays.Pixels:
    pixels = np.full((height, width), 255, np.uint8)
    pixels[1:3, 2:5] = [[0, 100, 200], [254, 10, 20]]
    return pixels


def test_png_keeps_pixels_and_repeats_its_bytes() -> None:
    data = arrays.encode_png(image())
    assert data == arrays.encode_png(image())
    assert np.array_equal(decode_png(data), image())


@pytest.mark.parametrize("channels", [3, 4])
def test_png_keeps_colors(channels: int) -> None:
    colors = np.random.default_rng(channels).integers(0, 256, (5, 7, channels), np.uint8)
    with Image.open(io.BytesIO(arrays.encode_png(colors))) as found:
        assert np.array_equal(np.asarray(found), colors)


@pytest.mark.parametrize("channels", [3, 4])
def test_colours_become_grey(channels: int) -> None:
    colours = np.dstack([image()] * 3 + [np.full((5, 7), 255, np.uint8)])[..., :channels]
    assert np.array_equal(arrays.to_grayscale(colours), image())
    assert np.array_equal(arrays.to_grayscale(image()), image())


@pytest.mark.parametrize("ink", [0, 255])
def test_ink_on_transparent_paper_is_dark_on_white(ink: int) -> None:
    pixels = np.zeros((5, 7, 4), np.uint8)
    pixels[1:3, 2:5] = (ink, ink, ink, 255)
    grey = arrays.to_grayscale(pixels)
    assert (grey[1:3, 2:5] == 0).all()
    assert (grey == 0).sum() == 6
    assert set(np.unique(grey)) == {0, 255}


def test_crop_takes_all_ink_or_the_dark_part() -> None:
    assert arrays.crop(image()).tolist() == [[0, 100, 200], [254, 10, 20]]
    assert arrays.crop(image(), 150).tolist() == [[0, 100, 200], [254, 10, 20]]
    assert arrays.crop(image(), 15).tolist() == [[0, 100], [254, 10]]
    assert arrays.crop(np.full((4, 4), 255, np.uint8)).shape == (0, 0)


def test_downsample_is_the_rounded_mean_and_fills_with_paper() -> None:
    pixels = np.array([[0, 255], [255, 255], [0, 0]], np.uint8)
    halved = arrays.pad_and_downsample(pixels, arrays.ImageParams(padding_px=0, downsample=2))
    assert halved.tolist() == [[191], [128]]
    same = arrays.pad_and_downsample(image(), arrays.ImageParams(padding_px=0, downsample=1))
    assert same.tolist() == image().tolist()


def test_to_dataset_image_crops_pads_and_shrinks() -> None:
    params = arrays.ImageParams(padding_px=4, downsample=2)
    prepared = arrays.to_dataset_image(image(50, 50), params)
    assert prepared.shape == (5, 6)
    assert (prepared[0] == 255).all()
    assert (prepared[:, :2] == 255).all()
    assert prepared.min() < 255
    assert np.array_equal(prepared, arrays.to_dataset_image(image(), params))


def test_median_and_quantile_equal_those_of_numpy() -> None:
    random = np.random.default_rng(0)
    for count in (1, 2, 3, 40, 41):
        for values in (random.random(count, np.float32), random.integers(0, 9, count)):
            for share in (0.1, 0.5, 0.8, 0.95):
                assert arrays.quantile(values, share) == np.quantile(values, share)
        colors = random.random((count, 3), np.float32)
        np.testing.assert_array_equal(arrays.median(colors, axis=0), np.median(colors, axis=0))
        assert arrays.median(colors) == np.median(colors)
