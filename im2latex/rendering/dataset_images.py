"""Images as the dataset stores them: rendered, cropped to the ink, padded, downsampled.

The only definition of these steps. The stage `render`, recipes, benchmarks and reranking share it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from im2latex.images.arrays import ImageParams, Pixels, encode_png, pad_and_downsample
from im2latex.rendering.doctor import tool_versions
from im2latex.rendering.renderer import Renderer, Rendering, RenderParams
from im2latex.rendering.styles import RendererParams, create_renderer
from im2latex.rendering.tex_format import font_map_hash
from im2latex.schemas import IMAGES

DATASET_IMAGES = pa.schema(
    [
        *[IMAGES.field(name) for name in ("image_id", "pixel_hash", "width", "height", "image")],
        ("reason", pa.string()),
        ("detail", pa.string()),
    ]
)
"""One row for each formula or source image: the image, or the reason why there is none."""


def render_dataset_images(renderer: Renderer, formulas: Sequence[str], image: ImageParams) -> list[Rendering]:
    """Render formulas, in order, to images as the dataset stores them."""
    return [
        rendering
        if rendering.pixels is None
        else replace(rendering, pixels=pad_and_downsample(rendering.pixels, image))
        for rendering in renderer.render(formulas)
    ]


@dataclass(frozen=True)
class DatasetRenderer:
    """Renders normalized formulas to DATASET_IMAGES; cheap to pickle, for worker processes."""

    renderer: RendererParams
    image: ImageParams

    def __call__(self, formulas: Sequence[str]) -> pa.Table:
        """Render each formula, or record the reason why there is no image."""
        renderer = create_renderer(self.renderer)
        identity = f"{renderer.identity}\0{self.image.model_dump_json()}"
        rows: list[dict[str, object]] = []
        renderings = render_dataset_images(renderer, formulas, self.image)
        for formula, rendering in zip(formulas, renderings, strict=True):
            if rendering.pixels is None:
                rows.append({"reason": rendering.reason, "detail": rendering.detail})
            else:
                rows.append(image_row(rendering.pixels, f"{identity}\0{formula}"))
        return pa.Table.from_pylist(rows, schema=DATASET_IMAGES)

    def cache_key(self) -> dict[str, object]:
        """Everything except formulas and code that decides the images."""
        with_tex = isinstance(self.renderer, RenderParams)
        return {
            "params": [self.renderer.model_dump(mode="json"), self.image.model_dump(mode="json")],
            "tools": tool_versions(self.renderer) if isinstance(self.renderer, RenderParams) else {},
            "fonts": font_map_hash() if with_tex else "",
            "renderer": create_renderer(self.renderer).identity,
        }


def image_row(pixels: Pixels, identity: str) -> dict[str, object]:
    """A row of DATASET_IMAGES; `identity` names the formula or file and everything that decided the pixels."""
    height, width = pixels.shape
    return {
        "image_id": hashlib.sha256(identity.encode()).hexdigest()[:32],
        "pixel_hash": hashlib.sha256(f"{height}x{width}\0".encode() + pixels.tobytes()).hexdigest()[:32],
        "width": width,
        "height": height,
        "image": {"bytes": encode_png(pixels), "path": None},
    }
