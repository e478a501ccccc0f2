"""Rendering style of im2latex-100k compared with ours: python -m benchmarks.im2latex100k_style FOLDER

reads   FOLDER/items.jsonl    one object per line: image (a file in FOLDER), latex (the raw formula)
writes  benchmarks/results/im2latex100k-style.json: figures

Each formula is normalized, rendered in two styles, and compared with the published image; both are cropped to ink below
128. A formula that is refused or does not render counts as different, and its reason is listed.
"""

import json
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.harness import save
from im2latex.errors import LatexError
from im2latex.images.arrays import crop, to_grayscale
from im2latex.images.sandboxed_decoder import decode_image
from im2latex.latex.normalizer import Normalizer, NormalizerParams
from im2latex.rendering.document import TemplateParams
from im2latex.rendering.renderer import RenderParams, TexRenderer

STYLES = {
    "amsmath": TemplateParams(),
    "im2latex-100k": TemplateParams(sizes="latex", line_width="390pt"),
}
INK = 128


def main(
    folder: Annotated[Path, typer.Argument(help="folder of published images, with items.jsonl")],
    show: Annotated[bool, typer.Option(help="print the formulas whose size differs")] = False,
) -> None:
    """Count the images whose ink size agrees within a pixel, and the pixels that differ where it is equal."""
    items = [json.loads(line) for line in (folder / "items.jsonl").read_text(encoding="utf-8").splitlines()]
    originals = [crop(to_grayscale(decode_image((folder / item["image"]).read_bytes())), INK) for item in items]
    labels, refused = _labels([item["latex"] for item in items])
    result: dict[str, object] = {"images": len(items), "labels_refused": refused}
    for name, template in STYLES.items():
        renderings = TexRenderer(RenderParams(template=template)).render(labels)
        reasons = [rendering.reason for rendering in renderings if rendering.reason and rendering.reason != "empty"]
        images = [None if rendering.pixels is None else crop(rendering.pixels, INK) for rendering in renderings]
        if show:
            for item, original, image in zip(items, originals, images, strict=True):
                if image is None or not _has_same_size(original, image):
                    print(name, item["image"], original.shape, None if image is None else image.shape, item["latex"])
        result[name] = {"failed": reasons, **_compare(originals, images)}
    save("im2latex100k-style", result)


def _labels(formulas: list[str]) -> tuple[list[str], list[str]]:
    """Normalized formulas, empty for refused ones, and the reasons of these."""
    normalizer = Normalizer(NormalizerParams())
    labels, refused = [], []
    for formula in formulas:
        try:
            labels.append(normalizer.normalize(formula))
        except LatexError as error:
            labels.append("")
            refused.append(error.reason)
    return labels, refused


def _compare(originals: list[NDArray[np.uint8]], images: list[NDArray[np.uint8] | None]) -> dict[str, object]:
    """Numbers of equal images; pixel counts cover the images of equal size."""
    pairs = [
        (original, image) for original, image in zip(originals, images, strict=True) if image is not None and image.size
    ]
    same_size = [(original, image) for original, image in pairs if original.shape == image.shape]
    ink = sum(int((original < INK).sum()) for original, _ in same_size)
    differing = sum(int(((original < INK) != (image < INK)).sum()) for original, image in same_size)
    grey = [float(np.abs(original.astype(int) - image).mean()) for original, image in same_size]
    return {
        "size_within_1_px": sum(_has_same_size(original, image) for original, image in pairs),
        "size_equal": len(same_size),
        "pixels_equal": sum(bool((original == image).all()) for original, image in same_size),
        "ink_equal": sum(bool(((original < INK) == (image < INK)).all()) for original, image in same_size),
        "ink_pixels": ink,
        "ink_pixels_that_differ": differing,
        "mean_grey_difference": round(sum(grey) / max(1, len(grey)), 2),
    }


def _has_same_size(original: NDArray[np.uint8], image: NDArray[np.uint8]) -> bool:
    """Whether height and width agree within a pixel."""
    return all(abs(one - other) <= 1 for one, other in zip(original.shape, image.shape, strict=True))


if __name__ == "__main__":
    typer.run(main)
