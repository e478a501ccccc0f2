import numpy as np
import pytest

from im2latex.imaging import raster
from im2latex.imaging.files import decode_png


def picture(height: int = 5, width: int = 7) -> raster.Pixels:
    pixels = np.full((height, width), 255, np.uint8)
    pixels[1:3, 2:5] = [[0, 100, 200], [254, 10, 20]]
    return pixels


def test_png_keeps_pixels_and_repeats_its_bytes() -> None:
    data = raster.encode_png(picture())
    assert data == raster.encode_png(picture())
    assert np.array_equal(decode_png(data), picture())


@pytest.mark.parametrize("channels", [3, 4])
def test_colours_become_grey(channels: int) -> None:
    colours = np.dstack([picture()] * 3 + [np.full((5, 7), 255, np.uint8)])[..., :channels]
    assert np.array_equal(raster.grey(colours), picture())
    assert np.array_equal(raster.grey(picture()), picture())


@pytest.mark.parametrize("ink", [0, 255])
def test_ink_on_transparent_paper_is_dark_on_white(ink: int) -> None:
    pixels = np.zeros((5, 7, 4), np.uint8)
    pixels[1:3, 2:5] = (ink, ink, ink, 255)
    grey = raster.grey(pixels)
    assert (grey[1:3, 2:5] == 0).all()
    assert (grey == 0).sum() == 6
    assert set(np.unique(grey)) == {0, 255}


def test_crop_takes_all_ink_or_the_dark_part() -> None:
    assert raster.crop(picture()).tolist() == [[0, 100, 200], [254, 10, 20]]
    assert raster.crop(picture(), 150).tolist() == [[0, 100, 200], [254, 10, 20]]
    assert raster.crop(picture(), 15).tolist() == [[0, 100], [254, 10]]
    assert raster.crop(np.full((4, 4), 255, np.uint8)).shape == (0, 0)


def test_downsample_is_the_rounded_mean_and_fills_with_paper() -> None:
    assert raster.downsample(np.array([[0, 255], [255, 255], [0, 0]], np.uint8), 2).tolist() == [[191], [128]]
    assert raster.downsample(picture(), 1).tolist() == picture().tolist()


def test_prepare_crops_pads_and_shrinks() -> None:
    prepared = raster.prepare(picture(50, 50), padding_px=4, factor=2)
    assert prepared.shape == (5, 6)
    assert (prepared[0] == 255).all()
    assert (prepared[:, :2] == 255).all()
    assert prepared.min() < 255
    assert np.array_equal(prepared, raster.prepare(picture(), padding_px=4, factor=2))
