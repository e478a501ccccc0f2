"""The work on one part of render: formulas or given pictures to pictures as the data set holds them.

What is kept in the part cache is a table with one row an item, in order: a picture, or the reason why there is none.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from im2latex.dataset.given import cropped, read_given
from im2latex.errors import InputError, PictureError
from im2latex.image_decoder import decode_images
from im2latex.imaging.raster import PictureParams, encode_png, prepare
from im2latex.parts import Job, PartCache
from im2latex.records import PICTURES
from im2latex.rendering.doctor import versions
from im2latex.rendering.engine import RenderParams
from im2latex.rendering.looks import RendererParams, create_renderer
from im2latex.rendering.texformat import font_map
from pipeline.fingerprint import fingerprint
from pipeline.stage import cache_root

DRAWN = pa.schema(
    [
        *[PICTURES.field(name) for name in ("image_id", "pixel_hash", "width", "height", "image")],
        ("reason", pa.string()),
        ("detail", pa.string()),
    ]
)


@dataclass(frozen=True)
class Drawing:
    """The work on one part: normalized formulas to DRAWN."""

    renderer: RendererParams
    picture: PictureParams

    def __call__(self, formulas: Sequence[str]) -> pa.Table:
        """Render each, or say why not."""
        renderer = create_renderer(self.renderer)
        identity = f"{renderer.identity}\0{self.picture.model_dump_json()}"
        rows: list[dict[str, object]] = []
        for formula, drawn in zip(formulas, renderer.render(formulas), strict=True):
            if drawn.pixels is None:
                rows.append({"reason": drawn.reason, "detail": drawn.detail})
            else:
                rows.append(_picture(drawn.pixels, self.picture, f"{identity}\0{formula}"))
        return pa.Table.from_pylist(rows, schema=DRAWN)

    def cache(self) -> PartCache:
        """Where finished parts are kept: a change of anything that decides them is another place."""
        recipe = {
            "params": [self.renderer.model_dump(mode="json"), self.picture.model_dump(mode="json")],
            "tools": versions(self.renderer) if isinstance(self.renderer, RenderParams) else {},
            "fonts": font_map() if isinstance(self.renderer, RenderParams) else "",
            "renderer": create_renderer(self.renderer).identity,
            "code": fingerprint("pipeline.pictures"),
        }
        return PartCache(cache_root(), "render", recipe)


@dataclass(frozen=True)
class Taking:
    """The work on a part whose pictures are given: hash and place of each, to DRAWN."""

    corpus: Path
    picture: PictureParams

    def __call__(self, pictures: Sequence[str]) -> pa.Table:
        """Read each and treat it as a drawn one, or say why not."""
        rows: list[dict[str, object]] = []
        identity = self.picture.model_dump_json()
        named = [text.split(" ", 1) for text in pictures]
        decoded = decode_images(self._read(digest, place) for digest, place in named)
        for (digest, place), image in zip(named, decoded, strict=True):
            try:
                rows.append(_picture(cropped(image, place), self.picture, f"{identity}\0{digest}"))
            except PictureError as error:
                rows.append({"reason": error.reason, "detail": error.detail})
        return pa.Table.from_pylist(rows, schema=DRAWN)

    def _read(self, digest: str, place: str) -> bytes | PictureError:
        """The file of a picture, or why there is none; raises `InputError` where it is another than before."""
        try:
            data = read_given(self.corpus, place)
        except PictureError as error:
            return error
        if hashlib.sha256(data).hexdigest() != digest:
            raise InputError(f"{place}: changed while the corpus was being read; run the same command again")
        return data

    def cache(self) -> PartCache:
        """Where finished parts are kept; what lies in the files is in the strings of a part."""
        recipe = {"picture": self.picture.model_dump(mode="json"), "code": fingerprint("pipeline.pictures")}
        return PartCache(cache_root(), "render", recipe | {"tools": version("pillow")})

    def job(self, places: Sequence[str]) -> Job:
        """The work on the pictures at these places; reads them all, so that a changed file is another part."""
        return Job([f"{_digest(self.corpus, place)} {place}" for place in places], self, self.cache())


def _digest(corpus: Path, place: str) -> str:
    try:
        return hashlib.sha256(read_given(corpus, place)).hexdigest()
    except PictureError as error:
        return error.reason


def _picture(pixels: NDArray[np.uint8], params: PictureParams, identity: str) -> dict[str, object]:
    """A row of DRAWN: the picture as the data set holds it."""
    pixels = prepare(pixels, params.padding_px, params.downsample)
    height, width = pixels.shape
    return {
        "image_id": hashlib.sha256(identity.encode()).hexdigest()[:32],
        "pixel_hash": hashlib.sha256(f"{height}x{width}\0".encode() + pixels.tobytes()).hexdigest()[:32],
        "width": width,
        "height": height,
        "image": {"bytes": encode_png(pixels), "path": None},
    }
