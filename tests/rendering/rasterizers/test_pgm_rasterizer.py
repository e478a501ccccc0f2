import numpy as np
import pytest

from im2latex.rendering.rasterizers.pdf_library_worker import encode_pgm
from im2latex.rendering.rasterizers.pgm_rasterizer import decode_pgm


def test_images_reads_what_encode_wrote() -> None:
    first = np.arange(6, dtype=np.uint8).reshape(2, 3)
    second = np.full((1, 4), 10, np.uint8)  # pixel values that look like white space
    found = list(decode_pgm(encode_pgm(first) + encode_pgm(second)))
    assert [image.tolist() for image in found] == [first.tolist(), second.tolist()]


def test_images_skips_comments() -> None:
    [found] = decode_pgm(b"P5\n# made by a program\n2 1\n255\n\x00\xff")
    assert found.tolist() == [[0, 255]]


@pytest.mark.parametrize("data", [b"P6\n1 1\n255\n000", b"P5\n2 2\n255\n\x00", b"P5\n1 1\n255\n\x00rest"])
def test_images_refuses_other_bytes(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"PGM header|cut short"):
        list(decode_pgm(data))
