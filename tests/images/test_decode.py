import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from im2latex.errors import ImageError
from im2latex.images.decode import DecodeLimits
from im2latex.images.sandboxed_decoder import decode_image

GREY = np.arange(0, 240, dtype=np.uint8).reshape(12, 20)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def refused(data: bytes, limits: DecodeLimits | None = None) -> str:
    with pytest.raises(ImageError) as error:
        decode_image(data, limits or DecodeLimits())
    assert "\n" not in str(error.value)
    return error.value.reason


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP", "TIFF", "PPM", "GIF"])
def test_grey_of_any_format(kind: str) -> None:
    found = decode_image(encoded(Image.fromarray(GREY), kind, **({"lossless": True} if kind == "WEBP" else {})))
    np.testing.assert_array_equal(found if found.ndim == 2 else found[..., 0], GREY)


@pytest.mark.parametrize(
    ("mode", "shape"),
    [("1", 2), ("L", 2), ("LA", 4), ("P", 3), ("RGB", 3), ("RGBA", 4), ("I;16", 2)],
)
def test_pixels_of_any_mode(mode: str, shape: int) -> None:
    source = Image.fromarray(GREY.astype(np.uint16) * 257) if mode == "I;16" else Image.fromarray(GREY).convert(mode)
    found = decode_image(encoded(source, "PNG"))
    assert found.dtype == np.uint8
    assert found.shape[:2] == GREY.shape
    assert (found.shape[2] if found.ndim == 3 else 2) == shape
    if mode == "I;16":
        np.testing.assert_array_equal(found, GREY)


def test_cmyk_and_its_white() -> None:
    white = decode_image(encoded(Image.new("CMYK", (8, 8), (0, 0, 0, 0)), "JPEG"))
    assert white.shape == (8, 8, 3)
    assert white.min() > 250


def test_a_transparent_colour_of_a_palette() -> None:
    image = Image.fromarray((GREY > 100).astype(np.uint8)).convert("P")
    found = decode_image(encoded(image, "PNG", transparency=0))
    assert set(np.unique(found[..., 3])) == {0, 255}


def test_the_camera_held_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    assert decode_image(encoded(Image.fromarray(GREY), "JPEG", exif=exif)).shape == (20, 12)


def test_the_first_of_several_frames() -> None:
    frames = [Image.fromarray(np.full((6, 9), level, np.uint8)) for level in (40, 200)]
    found = decode_image(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert np.unique(found).tolist() == [40]


def test_what_is_no_image() -> None:
    assert refused(b"") == "not_an_image"
    assert refused(b"\\frac{1}{2}") == "not_an_image"
    assert refused(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n") == "not_an_image"


def test_a_file_that_was_cut_off() -> None:
    for kind in ("PNG", "JPEG", "WEBP", "GIF", "TIFF"):
        data = encoded(Image.fromarray(np.tile(GREY, (20, 20))), kind)
        assert refused(data[: len(data) // 2]) == "not_an_image"


def test_limits_hold_before_pixels_take_memory() -> None:
    assert refused(encoded(Image.fromarray(GREY), "PNG"), DecodeLimits(pixels=239)) == "too_many_pixels"
    assert refused(encoded(Image.fromarray(GREY), "PNG"), DecodeLimits(side=19)) == "too_many_pixels"
    for width, height in ((12_000, 12_000), (60_000, 60_000), (1, 100_000)):
        header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
        bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
        bomb += struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
        assert refused(bomb) == "too_many_pixels"


@given(st.integers(0, 200), st.binary(min_size=1, max_size=8), st.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "WEBP"]))
def test_damaged_bytes_never_raise_anything_else(place: int, damage: bytes, kind: str) -> None:
    data = bytearray(encoded(Image.fromarray(GREY), kind))
    data[place : place + len(damage)] = damage
    with contextlib.suppress(ImageError):
        assert decode_image(bytes(data)).dtype == np.uint8


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_a_file_of_sixteen_bits_that_uses_fewer_is_scaled_by_these(bits: int) -> None:
    full = np.linspace(0, 255, GREY.size).round().reshape(GREY.shape)
    deep = np.round(full * ((1 << bits) - 1) / 255).astype(np.uint16)
    found = decode_image(encoded(Image.fromarray(deep), "PNG"))
    np.testing.assert_allclose(found, full, atol=1)
