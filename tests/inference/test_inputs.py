"""Every kind of image that `Predictor.predict` takes gives the pixels that the command line decodes."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from im2latex.errors import ImageError
from im2latex.images.sandboxed_decoder import decode_image
from im2latex.inference.inputs import as_inputs, to_pixels
from im2latex.inference.predictor import Predictor
from im2latex.types import Prediction
from tests.images.typed import typed
from tests.inference.test_predictor import fresh, predictor_of

GREY = typed("a + b", 40)
COLOURS = np.stack([GREY, 255 - (255 - GREY) // 2, GREY], axis=2)


def png(image: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    return file.getvalue()


def pdf(pages: int) -> bytes:
    file = io.BytesIO()
    images = [Image.fromarray(typed("a + b", 30)).convert("RGB") for _ in range(pages)]
    images[0].save(file, "PDF", save_all=True, append_images=images[1:])
    return file.getvalue()


def about(prediction: Prediction) -> tuple[str, float]:
    """Formula and confidence; the last digits depend on the size of the batch."""
    return prediction.latex, float(f"{prediction.confidence:.3g}")


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return predictor_of(fresh())


KINDS: dict[str, Callable[[Path], object]] = {
    "path": lambda path: path,
    "string": str,
    "bytes": lambda path: path.read_bytes(),
    "bytearray": lambda path: bytearray(path.read_bytes()),
    "memoryview": lambda path: memoryview(path.read_bytes()),
    "binary file": lambda path: io.BytesIO(path.read_bytes()),
    "PIL image": lambda path: Image.fromarray(GREY),
    "PIL image of a file": lambda path: Image.open(path),
    "array": lambda path: GREY,
    "array of one channel": lambda path: GREY[..., None],
    "array of columns": lambda path: np.asfortranarray(GREY),
    "floats": lambda path: GREY / 255,
    "16 bits": lambda path: GREY.astype(np.uint16) * 257,
    "integers": lambda path: GREY.astype(np.int64),
    "tensor": lambda path: torch.tensor(GREY),
    "tensor of one channel": lambda path: torch.tensor(GREY)[None],
    "tensor of floats": lambda path: torch.tensor(GREY)[None] / 255,
}


@pytest.mark.parametrize("kind", KINDS)
def test_one_image_of_any_kind_has_one_prediction(predictor: Predictor, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "image.png"
    path.write_bytes(png(Image.fromarray(GREY)))
    image = KINDS[kind](path)
    np.testing.assert_array_equal(to_pixels(image), GREY)  # type: ignore[arg-type]
    found = predictor.predict(KINDS[kind](path))  # type: ignore[call-overload]
    assert isinstance(found, Prediction)
    assert about(found) == about(predictor.predict([GREY])[0])


@pytest.mark.parametrize(
    "image",
    [
        COLOURS,
        COLOURS / 255,
        torch.from_numpy(COLOURS).permute(2, 0, 1),
        Image.fromarray(COLOURS),
        Image.fromarray(COLOURS).convert("RGBA").convert("RGB"),
    ],
    ids=["array", "floats", "tensor", "PIL", "PIL converted"],
)
def test_an_image_in_colour_is_one_image(predictor: Predictor, image: NDArray[np.uint8]) -> None:
    np.testing.assert_array_equal(to_pixels(image), COLOURS)
    assert isinstance(predictor.predict(image), Prediction)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I", "F", "I;16"])
def test_a_pil_image_of_any_mode_is_decoded_as_its_file(mode: str) -> None:
    image = Image.fromarray(GREY)
    image = Image.fromarray(GREY.astype(np.uint16) * 257) if mode == "I;16" else image.convert(mode)
    if mode in ("CMYK", "YCbCr", "F", "I"):
        file = io.BytesIO()
        image.save(file, "TIFF")
        data = file.getvalue()
    else:
        data = png(image)
    np.testing.assert_array_equal(to_pixels(image), decode_image(data))


def test_the_orientation_of_a_camera_is_applied_to_a_pil_image_too() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = png(Image.fromarray(np.rot90(GREY)), exif=exif)
    with Image.open(io.BytesIO(data)) as image:
        np.testing.assert_array_equal(to_pixels(image), GREY)
    np.testing.assert_array_equal(to_pixels(data), GREY)


def test_many_images_may_be_of_different_kinds(predictor: Predictor) -> None:
    one, batch = predictor.predict(GREY), np.stack([COLOURS, COLOURS])
    mixed = predictor.predict([GREY, png(Image.fromarray(GREY)), Image.fromarray(GREY)])
    assert [about(found) for found in mixed] == [about(one)] * 3
    assert [about(found) for found in predictor.predict(image for image in (GREY, GREY))] == [about(one)] * 2
    assert [about(found) for found in predictor.predict((GREY,))] == [about(one)]
    assert len(predictor.predict(batch)) == 2
    assert len(predictor.predict(torch.from_numpy(batch).permute(0, 3, 1, 2))) == 2  # type: ignore[arg-type]
    assert predictor.predict([]) == []


def test_an_unreadable_image_among_many_does_not_stop_the_others(predictor: Predictor, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.png"
    damaged.write_bytes(b"no image")
    found = predictor.predict([GREY, str(tmp_path / "none.png"), damaged, tmp_path, np.full_like(GREY, 255), GREY])
    reasons = [one.error.reason if one.error else None for one in found]
    assert reasons == [None, "no_such_file", "not_an_image", "unreadable", "blank", None]
    assert about(found[0]) == about(found[5])
    assert all(one.image is None for one in found[1:5])


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        ("none.png", "no_such_file"),
        (b"no image", "not_an_image"),
        (np.full((20, 30), 255, np.uint8), "blank"),
        (np.zeros((4,), np.uint8), "shape"),
        (np.zeros((8, 8, 2), np.uint8), "shape"),
        (torch.zeros(8, 8, 3), "shape"),
        (np.zeros((0, 8), np.uint8), "blank"),
        (GREY.astype(np.float64), "values"),
        (np.full((8, 8), np.nan), "values"),
        (np.full((8, 8), -1), "values"),
    ],
    ids=str,
)
def test_one_unusable_image_raises_its_error(predictor: Predictor, image: object, reason: str) -> None:
    with pytest.raises(ImageError) as refused:
        predictor.predict(image)  # type: ignore[call-overload]
    assert refused.value.reason == reason
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "image", [None, 3, {"a": 1}, io.StringIO("text"), np.array([["a"]]), np.zeros((2, 2), complex)]
)
def test_what_is_no_image_is_a_type_error(predictor: Predictor, image: object) -> None:
    for value in (image, [image]):
        with pytest.raises(TypeError, match="image"):
            predictor.predict(value)  # type: ignore[call-overload]


def test_a_page_of_a_pdf_is_an_image(tmp_path: Path) -> None:
    path = tmp_path / "paper.pdf"
    path.write_bytes(pdf(2))
    page = to_pixels(f"{path}#2")
    assert page.ndim == 3
    np.testing.assert_array_equal(to_pixels(pdf(1)), page)
    for several in (path, path.read_bytes()):
        with pytest.raises(ImageError) as refused:
            to_pixels(several)
        assert refused.value.reason == "several_pages"
    with pytest.raises(ImageError) as refused:
        to_pixels(f"{path}#3")
    assert refused.value.reason == "no_such_page"


def test_arguments_are_checked(predictor: Predictor) -> None:
    with pytest.raises(ValueError, match="candidates = 0"):
        predictor.predict(GREY, candidates=0)


def test_an_array_of_one_image_is_not_many() -> None:
    assert as_inputs(COLOURS)[1]
    assert as_inputs("image.png")[1]
    assert not as_inputs(COLOURS[None])[1]
    assert not as_inputs(["image.png"])[1]
