"""The work on one part of render: formulas or given images to images as the data set holds them.

What is kept in the part cache is a table with one row an item, in order: an image, or the reason why there is none.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from im2latex.dataset.source_images import crop_source_image, read_source_image
from im2latex.errors import ImageError, InputError
from im2latex.images.arrays import ImageParams, encode_png, prepare
from im2latex.images.decode import decode_images
from im2latex.parallel.part_cache import Job, PartCache
from im2latex.rendering.doctor import tool_versions
from im2latex.rendering.renderer import RenderParams
from im2latex.rendering.styles import RendererParams, create_renderer
from im2latex.rendering.tex_format import font_map_hash
from im2latex.schemas import IMAGES
from pipeline.fingerprint import fingerprint
from pipeline.paths import cache_root

DRAWN = pa.schema(
    [
        *[IMAGES.field(name) for name in ("image_id", "pixel_hash", "width", "height", "image")],
        ("reason", pa.string()),
        ("detail", pa.string()),
    ]
)


@dataclass(frozen=True)
class Drawing:
    """The work on one part: normalized formulas to DRAWN."""

    renderer: RendererParams
    image: ImageParams

    def __call__(self, formulas: Sequence[str]) -> pa.Table:
        """Render each, or say why not."""
        renderer = create_renderer(self.renderer)
        identity = f"{renderer.identity}\0{self.image.model_dump_json()}"
        rows: list[dict[str, object]] = []
        for formula, drawn in zip(formulas, renderer.render(formulas), strict=True):
            if drawn.pixels is None:
                rows.append({"reason": drawn.reason, "detail": drawn.detail})
            else:
                rows.append(_image(drawn.pixels, self.image, f"{identity}\0{formula}"))
        return pa.Table.from_pylist(rows, schema=DRAWN)

    def cache(self) -> PartCache:
        """Where finished parts are kept: a change of anything that decides them is another place."""
        recipe = {
            "params": [self.renderer.model_dump(mode="json"), self.image.model_dump(mode="json")],
            "tools": tool_versions(self.renderer) if isinstance(self.renderer, RenderParams) else {},
            "fonts": font_map_hash() if isinstance(self.renderer, RenderParams) else "",
            "renderer": create_renderer(self.renderer).identity,
            "code": fingerprint("pipeline.dataset_images:Drawing"),
        }
        return PartCache(cache_root(), "render", recipe)


@dataclass(frozen=True)
class Taking:
    """The work on a part whose images are given: hash and place of each, to DRAWN."""

    dataset: Path
    image: ImageParams

    def __call__(self, images: Sequence[str]) -> pa.Table:
        """Read each and treat it as a drawn one, or say why not."""
        rows: list[dict[str, object]] = []
        identity = self.image.model_dump_json()
        named = [text.split(" ", 1) for text in images]
        decoded = decode_images(self._read(digest, place) for digest, place in named)
        for (digest, place), image in zip(named, decoded, strict=True):
            try:
                rows.append(_image(crop_source_image(image, place), self.image, f"{identity}\0{digest}"))
            except ImageError as error:
                rows.append({"reason": error.reason, "detail": error.detail})
        return pa.Table.from_pylist(rows, schema=DRAWN)

    def _read(self, digest: str, place: str) -> bytes | ImageError:
        """The file of an image, or why there is none; raises `InputError` where it is another than before."""
        try:
            data = read_source_image(self.dataset, place)
        except ImageError as error:
            return error
        if hashlib.sha256(data).hexdigest() != digest:
            raise InputError(f"{place}: changed while the dataset was being read; run the same command again")
        return data

    def cache(self) -> PartCache:
        """Where finished parts are kept; what lies in the files is in the strings of a part."""
        recipe = {
            "image": self.image.model_dump(mode="json"),
            "code": fingerprint("pipeline.dataset_images:Taking"),
        }
        return PartCache(cache_root(), "render", recipe | {"tools": version("pillow")})

    def job(self, places: Sequence[str]) -> Job:
        """The work on the images at these places; reads them all, so that a changed file is another part."""
        return Job([f"{_digest(self.dataset, place)} {place}" for place in places], self, self.cache())


def _digest(dataset: Path, place: str) -> str:
    try:
        return hashlib.sha256(read_source_image(dataset, place)).hexdigest()
    except ImageError as error:
        return error.reason


def _image(pixels: NDArray[np.uint8], params: ImageParams, identity: str) -> dict[str, object]:
    """A row of DRAWN: the image as the data set holds it."""
    pixels = prepare(pixels, params.padding_px, params.downsample)
    height, width = pixels.shape
    return {
        "image_id": hashlib.sha256(identity.encode()).hexdigest()[:32],
        "pixel_hash": hashlib.sha256(f"{height}x{width}\0".encode() + pixels.tobytes()).hexdigest()[:32],
        "width": width,
        "height": height,
        "image": {"bytes": encode_png(pixels), "path": None},
    }
