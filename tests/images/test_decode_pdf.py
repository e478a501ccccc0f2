import io

import numpy as np
import pytest
from PIL import Image

from im2latex.errors import ImageError
from im2latex.images.decode import PDF_DPI, DecodeLimits
from im2latex.images.sandboxed_decoder import borrow_decoder, count_pages, draw_page
from tests.images.typed import typed


def two_pages() -> bytes:
    first, second = (Image.fromarray(typed(text)) for text in ("x = 1", "y"))
    file = io.BytesIO()
    first.save(file, "PDF", save_all=True, append_images=[second], resolution=PDF_DPI)
    return file.getvalue()


def test_pages_are_drawn_one_by_one() -> None:
    data = two_pages()
    assert count_pages(data) == 2
    for number, text in ((1, "x = 1"), (2, "y")):
        found, wanted = draw_page(data, number), typed(text)
        assert np.abs(np.subtract(found.shape[:2], wanted.shape)).max() <= 1
        assert found[..., 0].mean() == pytest.approx(wanted.mean(), rel=0.02)


@pytest.mark.parametrize(("number", "reason"), [(0, "no_such_page"), (3, "no_such_page")])
def test_a_page_that_is_not_there(number: int, reason: str) -> None:
    with pytest.raises(ImageError) as refused:
        draw_page(two_pages(), number)
    assert refused.value.reason == reason


def test_limits_and_damage() -> None:
    with borrow_decoder() as decoder, pytest.raises(ImageError) as refused:
        decoder.draw_page(two_pages(), 1, DecodeLimits(pixels=100))
    assert refused.value.reason == "too_many_pixels"
    with pytest.raises(ImageError) as refused:
        count_pages(b"%PDF-1.7 and nothing else")
    assert refused.value.reason == "not_an_image"
