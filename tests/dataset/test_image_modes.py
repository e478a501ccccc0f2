"""Unusual image modes: a dataset, `predict` and the server decode the same pixels."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.Image import Transpose

from benchmarks.hostile_images import encoded, sample_image
from im2latex.cli.image_sources import find_sources
from im2latex.dataset.source_images import crop_source_image, read_source_image
from im2latex.images.arrays import crop, to_grayscale
from im2latex.images.foreground import estimate_ink
from im2latex.images.sandboxed_decoder import DecodedImage, decode_images
from im2latex.serving.uploads import decode_upload

GREY = np.asarray(sample_image())
STORED = {
    1: None,
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_90,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_270,
}
"""How the upright drawing is stored under each orientation of EXIF."""


def turned(orientation: int, kind: str) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    turn = STORED[orientation]
    image = sample_image() if turn is None else sample_image().transpose(turn)
    return encoded(image.convert("RGB"), kind, exif=exif, quality=100, lossless=True, subsampling=0)


def transparent(ink: int, beneath: int) -> Image.Image:
    """Ink of one level on nothing; `beneath` is the colour of what has an alpha of 0."""
    alpha = 255 - GREY
    level = np.where(alpha > 0, ink, beneath).astype(np.uint8)
    return Image.fromarray(np.dstack([level, level, level, alpha]))


def palette(image: Image.Image, kind: str) -> bytes:
    """White is transparent."""
    return encoded(image.convert("P", palette=Image.Palette.ADAPTIVE), kind, transparency=0)


FILES = {
    **{f"{kind} orientation {n}": turned(n, kind) for kind in ("JPEG", "PNG", "WEBP", "TIFF") for n in STORED},
    "float": encoded(Image.fromarray(GREY.astype(np.float32) / 255), "TIFF"),
    "float to 255": encoded(Image.fromarray(GREY.astype(np.float32)), "TIFF"),
    "32 bit": encoded(Image.fromarray(GREY.astype(np.int32) * 257), "TIFF"),
    "16 bit PNG": encoded(Image.fromarray(GREY.astype(np.uint16) * 257), "PNG"),
    "16 bit TIFF": encoded(Image.fromarray(GREY.astype(np.uint16) * 257), "TIFF"),
    "16 bit PGM": encoded(Image.fromarray(GREY.astype(np.uint16) * 257), "PPM"),
    "CMYK JPEG": encoded(sample_image().convert("RGB").convert("CMYK"), "JPEG", quality=95),
    "CMYK TIFF": encoded(sample_image().convert("RGB").convert("CMYK"), "TIFF"),
    "palette PNG": encoded(sample_image().convert("P"), "PNG"),
    "palette GIF": encoded(sample_image(), "GIF"),
    "alpha": encoded(transparent(0, 255), "PNG"),
    "alpha on black": encoded(transparent(0, 0), "PNG"),
    "alpha, WebP": encoded(transparent(0, 128), "WEBP", lossless=True, exact=True),
    "alpha, light ink": encoded(transparent(255, 0), "PNG"),
    "alpha, light ink on white": encoded(transparent(255, 255), "PNG"),
    "grey and alpha": encoded(transparent(0, 0).convert("LA"), "PNG"),
}


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[DecodedImage, DecodedImage, DecodedImage]]:
    """By name what a dataset, `predict` and the server are given."""
    folder = tmp_path_factory.mktemp("dataset")
    for number, data in enumerate(FILES.values()):
        (folder / f"{number}.png").write_bytes(data)
    names = [f"{number}.png" for number in range(len(FILES))]
    dataset = [
        crop_source_image(one, name)
        for one, name in zip(decode_images(read_source_image(folder, name) for name in names), names, strict=True)
    ]
    predict = [source.load() for name in names for source in find_sources([str(folder / name)])]
    server = [decode_upload(data, 1_000_000) for data in FILES.values()]
    return dict(zip(FILES, zip(dataset, predict, server, strict=True), strict=True))


@pytest.mark.parametrize("name", FILES)
def test_the_same_pixels_everywhere(
    name: str, seen: dict[str, tuple[DecodedImage, DecodedImage, DecodedImage]]
) -> None:
    dataset, predict, server = seen[name]
    np.testing.assert_array_equal(predict, server)
    np.testing.assert_array_equal(crop(to_grayscale(predict)), dataset)
    tolerance = 12 if "JPEG" in name else 2
    np.testing.assert_allclose(to_grayscale(predict).astype(int), GREY, atol=tolerance)
    np.testing.assert_allclose(estimate_ink(to_grayscale(predict)), estimate_ink(predict), atol=0.05)


@pytest.mark.parametrize("level", [0, 255])
def test_what_is_transparent_all_over_is_blank_everywhere(level: int, tmp_path: Path) -> None:
    clear = transparent(level, level)
    clear.putalpha(0)
    (decoded,) = decode_images([encoded(clear, "PNG")])
    assert isinstance(decoded, np.ndarray)
    assert (to_grayscale(decoded) == 255).all()
    assert not estimate_ink(decoded).any()


def test_an_image_whose_exif_is_damaged_is_read_as_it_is_stored() -> None:
    damaged = turned(6, "JPEG").replace(b"Exif\0\0II*\0", b"Exif\0\0II*\1").replace(b"Exif\0\0MM\0*", b"Exif\0\0MM\1*")
    (found,) = decode_images([damaged])
    assert isinstance(found, np.ndarray)
    assert found.shape[:2] == GREY.T.shape
