import asyncio
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from im2latex.errors import ImageError, InputError
from im2latex.images.decode import ImageDecoder, _idle
from im2latex.images.formats import FORMATS
from im2latex.serving import uploads
from im2latex.serving.uploads import decode, decode_cancellable
from tests.serving import images

MOST = 1_000_000
SLOW = b"P2\n2 2\n255\n" + b"#\n" * 4_000_000


@pytest.mark.parametrize("kind", FORMATS)
def test_all_formats_are_decoded(kind: str) -> None:
    pixels = decode(images.encoded(images.ink().convert("RGB"), kind), MOST)
    assert pixels.shape[:2] == (40, 60)
    assert pixels[0, 0].min() > 240
    assert pixels[20, 30].max() < 15


@pytest.mark.parametrize(
    ("mode", "shape"),
    [("L", (40, 60)), ("1", (40, 60)), ("RGB", (40, 60, 3)), ("RGBA", (40, 60, 4)), ("LA", (40, 60, 4))],
)
def test_shapes_of_pixels(mode: str, shape: tuple[int, ...]) -> None:
    pixels = decode(images.encoded(images.ink().convert(mode)), MOST)
    assert pixels.shape == shape
    assert pixels.dtype == np.uint8


def test_sixteen_bits_are_scaled() -> None:
    assert decode(images.deep(), MOST)[0, 0] == 40_000 >> 8


def test_photos_are_rotated_upright() -> None:
    assert decode(images.turned(), MOST).shape[:2] == (40, 60)


def test_large_images_are_reduced() -> None:
    pixels = decode(images.encoded(images.ink(4000, 3000)), 25_000_000)
    assert 3_900_000 < pixels.size < 4_100_000
    assert pixels[0, 0] == 255
    assert pixels[pixels.shape[0] // 2, pixels.shape[1] // 2] == 0


HOSTILE = {
    "nothing": (b"", "contains no image"),
    "text": (b"import os\n", "no image of a format"),
    "a page": (b"%PDF-1.5\n", "no image of a format"),
    "a drawing": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "no image of a format"),
    "a bomb": (images.bomb(), "pixels"),
    "a smaller bomb": (images.bomb(9000), "pixels"),
    "a bomb of text": (images.text_bomb(), "damaged"),
    "one wide": (images.encoded(Image.new("L", (1, 100_000))), "1 x 100000"),
    "one high": (images.encoded(Image.new("L", (100_000, 1))), "100000 x 1"),
    "a moving one": (images.moving(), "moves"),
    "a moving PNG": (images.moving("PNG"), "moves"),
    "a moving WebP": (images.moving("WEBP"), "moves"),
    "pages": (images.moving("TIFF"), "moves"),
    "half a PNG": (images.encoded(Image.effect_noise((200, 200), 90))[:9000], "damaged"),
    "half a JPEG": (images.encoded(Image.effect_noise((200, 200), 90), "JPEG")[:5000], "damaged"),
    "a head alone": (images.encoded(images.ink())[:20], "image"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_images_are_rejected_with_a_sentence(name: str) -> None:
    data, words = HOSTILE[name]
    with pytest.raises(InputError, match=words) as refused:
        decode(data, MOST)
    assert len(str(refused.value)) < 200


@settings(max_examples=60)
@given(st.sampled_from(FORMATS), st.data())
def test_damaged_images_never_raise_anything_else(kind: str, data: st.DataObject) -> None:
    whole = bytearray(images.encoded(images.ink().convert("RGB"), kind))
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=8)):
        whole[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    try:
        pixels = decode(bytes(whole[:cut]), MOST)
    except InputError:
        return
    assert pixels.ndim in (2, 3)


def test_an_image_that_is_slow_to_decode_is_rejected() -> None:
    with pytest.raises(ImageError, match="processor time") as refused:
        decode(SLOW, MOST)
    assert refused.value.reason == "too_complex"


def test_cancelled_decoding_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "_DECODE_CPU_SECONDS", 600)
    decoder = ImageDecoder()
    _idle.append(decoder)

    async def scene() -> float:
        work = asyncio.create_task(decode_cancellable(SLOW, MOST))
        while not decoder._pending:
            await asyncio.sleep(0.001)
        began = time.process_time()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert decoder._worker is None
        assert (await decode_cancellable(images.encoded(images.ink()), MOST)).shape == (40, 60)
        return time.process_time() - began

    assert asyncio.run(scene()) < 5
