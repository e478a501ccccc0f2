import asyncio
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from im2latex.errors import InputError, PictureError
from im2latex.image_decoder import ImageDecoder, _idle
from im2latex.imaging.files import FORMATS
from im2latex.serving import uploads
from im2latex.serving.uploads import decode, decode_while_wanted
from tests.serving import pictures

MOST = 1_000_000
SLOW = b"P2\n2 2\n255\n" + b"#\n" * 4_000_000


@pytest.mark.parametrize("kind", FORMATS)
def test_all_kinds_are_decoded(kind: str) -> None:
    pixels = decode(pictures.encoded(pictures.ink().convert("RGB"), kind), MOST)
    assert pixels.shape[:2] == (40, 60)
    assert pixels[0, 0].min() > 240
    assert pixels[20, 30].max() < 15


@pytest.mark.parametrize(
    ("mode", "shape"),
    [("L", (40, 60)), ("1", (40, 60)), ("RGB", (40, 60, 3)), ("RGBA", (40, 60, 4)), ("LA", (40, 60, 4))],
)
def test_kinds_of_pixels(mode: str, shape: tuple[int, ...]) -> None:
    pixels = decode(pictures.encoded(pictures.ink().convert(mode)), MOST)
    assert pixels.shape == shape
    assert pixels.dtype == np.uint8


def test_sixteen_bits_are_scaled() -> None:
    assert decode(pictures.deep(), MOST)[0, 0] == 40_000 >> 8


def test_photos_are_turned_upright() -> None:
    assert decode(pictures.turned(), MOST).shape[:2] == (40, 60)


def test_large_pictures_are_read_small() -> None:
    pixels = decode(pictures.encoded(pictures.ink(4000, 3000)), 25_000_000)
    assert 3_900_000 < pixels.size < 4_100_000
    assert pixels[0, 0] == 255
    assert pixels[pixels.shape[0] // 2, pixels.shape[1] // 2] == 0


HOSTILE = {
    "nothing": (b"", "holds no picture"),
    "text": (b"import os\n", "no picture of a format"),
    "a page": (b"%PDF-1.5\n", "no picture of a format"),
    "a drawing": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "no picture of a format"),
    "a bomb": (pictures.bomb(), "pixels"),
    "a smaller bomb": (pictures.bomb(9000), "pixels"),
    "a bomb of text": (pictures.text_bomb(), "damaged"),
    "one wide": (pictures.encoded(Image.new("L", (1, 100_000))), "1 x 100000"),
    "one high": (pictures.encoded(Image.new("L", (100_000, 1))), "100000 x 1"),
    "a moving one": (pictures.moving(), "moves"),
    "a moving PNG": (pictures.moving("PNG"), "moves"),
    "a moving WebP": (pictures.moving("WEBP"), "moves"),
    "pages": (pictures.moving("TIFF"), "moves"),
    "half a PNG": (pictures.encoded(Image.effect_noise((200, 200), 90))[:9000], "damaged"),
    "half a JPEG": (pictures.encoded(Image.effect_noise((200, 200), 90), "JPEG")[:5000], "damaged"),
    "a head alone": (pictures.encoded(pictures.ink())[:20], "picture"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pictures_are_refused_with_a_sentence(name: str) -> None:
    data, words = HOSTILE[name]
    with pytest.raises(InputError, match=words) as refused:
        decode(data, MOST)
    assert len(str(refused.value)) < 200


@settings(max_examples=60)
@given(st.sampled_from(FORMATS), st.data())
def test_damaged_pictures_never_raise_anything_else(kind: str, data: st.DataObject) -> None:
    whole = bytearray(pictures.encoded(pictures.ink().convert("RGB"), kind))
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=8)):
        whole[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    try:
        pixels = decode(bytes(whole[:cut]), MOST)
    except InputError:
        return
    assert pixels.ndim in (2, 3)


def test_a_picture_that_is_slow_to_decode_is_refused() -> None:
    with pytest.raises(PictureError, match="processor time") as refused:
        decode(SLOW, MOST)
    assert refused.value.reason == "too_complex"


def test_decoding_ends_when_nobody_waits_for_it_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "_SECONDS", 600)
    decoder = ImageDecoder()
    _idle.append(decoder)

    async def scene() -> float:
        work = asyncio.create_task(decode_while_wanted(SLOW, MOST))
        while not decoder._due:
            await asyncio.sleep(0.001)
        began = time.process_time()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert decoder._worker is None
        assert (await decode_while_wanted(pictures.encoded(pictures.ink()), MOST)).shape == (40, 60)
        return time.process_time() - began

    assert asyncio.run(scene()) < 5
