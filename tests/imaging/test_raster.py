import io

import numpy as np
import pytest
from PIL import Image

from im2latex.errors import InputError
from im2latex.imaging import raster


def picture(height: int = 5, width: int = 7) -> raster.Pixels:
    pixels = np.full((height, width), 255, np.uint8)
    pixels[1:3, 2:5] = [[0, 100, 200], [254, 10, 20]]
    return pixels


def test_png_keeps_pixels_and_repeats_its_bytes() -> None:
    data = raster.encode_png(picture())
    assert data == raster.encode_png(picture())
    assert np.array_equal(raster.decode(data), picture())


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "1"])
def test_decode_makes_any_kind_grey(mode: str) -> None:
    pixels = np.where(picture() < 128, 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, "PNG")
    assert np.array_equal(raster.decode(file.getvalue()), pixels)


def test_decode_puts_transparent_parts_on_paper() -> None:
    file = io.BytesIO()
    Image.new("RGBA", (3, 2), (0, 0, 0, 0)).save(file, "PNG")
    assert (raster.decode(file.getvalue()) == 255).all()


def test_decode_scales_sixteen_bits() -> None:
    file = io.BytesIO()
    Image.fromarray(np.array([[0, 0x8000, 0xFFFF]], np.uint16)).save(file, "PNG")
    assert raster.decode(file.getvalue()).tolist() == [[0, 128, 255]]


@pytest.mark.parametrize("data", [b"", b"no picture", raster.encode_png(picture())[:50]], ids=["empty", "text", "cut"])
def test_decode_refuses_what_is_no_picture(data: bytes) -> None:
    with pytest.raises(InputError, match="not a picture"):
        raster.decode(data)


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
