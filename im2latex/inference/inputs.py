"""Kinds of images that `Predictor.predict` takes, their conversion to pixels, and the images that a model expects.

Paths and bytes are decoded in a sandbox (`images.sandboxed_decoder`), as on the command line. All pixels are
uint8 (H, W), (H, W, 3) or (H, W, 4), upright.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from im2latex.engines.config import InferenceConfig
from im2latex.errors import ImageError
from im2latex.images.arrays import ImageParams
from im2latex.images.decode import PDF_MARK, PDF_PAGE, pillow_pixels, read_bytes
from im2latex.images.preprocess import POINTS_PER_INCH, InputImageSpec
from im2latex.images.sandboxed_decoder import count_pages, decode_image, draw_page

if TYPE_CHECKING:
    from torch import Tensor

ImageInput: TypeAlias = (
    "str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | Image.Image | NDArray[Any] | Tensor"
)
"""One image: a path, the bytes of a file, a binary file object, a PIL image, a NumPy array or a torch tensor."""

_CHANNELS = (1, 3, 4)
_FONT_SIZE_PT = 12
_DPI = 200


def input_image_spec(config: InferenceConfig) -> InputImageSpec:
    """The images that a model was trained on; older models, without these settings, had the defaults."""
    defaults = ImageParams()
    images = {"dpi": _DPI, "downsample": defaults.downsample, "padding_px": defaults.padding_px} | dict(config.images)
    return InputImageSpec(
        em=_FONT_SIZE_PT / POINTS_PER_INCH * images["dpi"] / images["downsample"],
        padding=images["padding_px"] // images["downsample"],
        height=max(shape.height for shape in config.shapes),
        width=max(shape.width for shape in config.shapes),
    )


def as_inputs(images: Any) -> tuple[Iterable[ImageInput], bool]:
    """The images as an iterable, and whether they are one image; raises `TypeError` where they are no images."""
    if isinstance(images, np.ndarray) or _is_tensor(images):
        return (images, False) if images.ndim == 4 else ([images], True)
    if isinstance(images, str | os.PathLike | bytes | bytearray | memoryview | Image.Image) or hasattr(images, "read"):
        return [images], True
    if isinstance(images, Iterable) and not isinstance(images, dict | set | frozenset):
        return images, False
    raise TypeError(_not_an_image(images))


def to_pixels(image: ImageInput) -> NDArray[np.uint8]:
    """Pixels of one image; raises `ImageError` where it cannot be used and `TypeError` where it is no image."""
    match image:
        case str() | os.PathLike():
            return _from_path(os.fspath(image))
        case bytes() | bytearray() | memoryview():
            return _from_bytes(bytes(image))
        case Image.Image():
            return _from_pillow(image)
        case np.ndarray():
            return _from_array(image)
        case _ if _is_tensor(image):
            return _from_tensor(image)
        case _ if hasattr(image, "read"):
            return _from_file(image)
    raise TypeError(_not_an_image(image))


def _is_tensor(value: object) -> bool:
    """Whether this is a torch tensor; torch is not imported for it, since without it there are none."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def _not_an_image(value: object) -> str:
    return (
        f"an image is a path, the bytes of a file, a binary file, a PIL image, a NumPy array or a torch tensor, not "
        f"{type(value).__name__}"
    )


def _from_path(name: str) -> NDArray[np.uint8]:
    path, page = Path(name), None
    if (named := PDF_PAGE.fullmatch(name)) and not path.exists():
        path, page = Path(named["file"]), int(named["page"])
    if path.is_dir():
        raise ImageError("unreadable", f"{name} is a folder; name the files in it")
    if not path.exists():
        raise ImageError("no_such_file", f"{name}: there is no such file")
    return _from_bytes(read_bytes(path), page)


def _from_bytes(data: bytes, page: int | None = None) -> NDArray[np.uint8]:
    if not data.startswith(PDF_MARK):
        return decode_image(data)
    if page is None and (pages := count_pages(data)) != 1:
        raise ImageError("several_pages", f"the PDF has {pages} pages; name one of them, as in file.pdf#2")
    return draw_page(data, page or 1)


def _from_file(file: Any) -> NDArray[np.uint8]:
    data = file.read()
    if not isinstance(data, bytes):
        raise TypeError(f"a file of an image is opened in binary mode; it gave {type(data).__name__}")
    return _from_bytes(data)


def _from_pillow(image: Image.Image) -> NDArray[np.uint8]:
    try:
        raw = pillow_pixels(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise ImageError("not_an_image", f"the PIL image cannot be read: {error}") from None
    pixels = np.frombuffer(raw.content, np.uint8).reshape(raw.shape)
    return pixels[..., 0] if raw.shape[2] == 1 else pixels


def _from_tensor(image: Any) -> NDArray[np.uint8]:
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[0] not in _CHANNELS):
        raise ImageError(
            "shape", f"a tensor of an image is (H, W) or (C, H, W) with C = 1, 3 or 4, not {tuple(image.shape)}"
        )
    values = image.detach().cpu()
    values = values.float() if values.is_floating_point() and values.element_size() == 2 else values
    return _eight_bits((values if values.ndim == 2 else values.permute(1, 2, 0)).numpy())


def _from_array(image: NDArray[Any]) -> NDArray[np.uint8]:
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in _CHANNELS):
        raise ImageError(
            "shape", f"an array of an image is (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), not {image.shape}"
        )
    return _eight_bits(image)


def _eight_bits(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Values of any type as uint8; an array (H, W, 1) becomes (H, W)."""
    values = values[..., 0] if values.ndim == 3 and values.shape[2] == 1 else values
    if values.dtype.kind not in "buif":
        raise TypeError(f"an array of an image holds integers or floats, not {values.dtype}")
    if values.dtype == np.uint8:
        return np.ascontiguousarray(values, np.uint8)
    if not values.size:
        return np.empty(values.shape, np.uint8)
    numbers = values.astype(np.float64)
    most = 65535 if values.dtype == np.uint16 else 255 if values.dtype.kind in "iu" else 1
    low, high = float(numbers.min()), float(numbers.max())
    if not (low >= 0 and high <= most):  # also where they are NaN
        raise ImageError("values", f"an array of {values.dtype} holds values from 0 to {most}, not {low:g} to {high:g}")
    return np.asarray((numbers * (255 / most) + 0.5).astype(np.uint8))
