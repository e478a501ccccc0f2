"""Contact sheet of every style, for inspection before training.

reads   data/render/part-NNNNN[.STYLE].parquet
writes  OUT/STYLE.png   so many images of the style, in columns of equal width
"""

import io
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from im2latex.images.arrays import PAPER
from im2latex.io.parquet import part_paths, read_table

COLUMNS = 4
GAP_PX = 12
WIDEST_PX = 400
"""Wider images are left out: they would make every column as wide."""


def write_samples(render: Path, out: Path, count: int) -> dict[str, int]:
    """Write a sheet a style; returns how many images each has.

    The images are those with the smallest hash of their pixels: the same for any order of the parts.
    """
    images: dict[str, list[tuple[str, bytes]]] = defaultdict(list)
    for path in part_paths(render):
        for row in read_table(path, ["style", "pixel_hash", "width", "image"]).to_pylist():
            if row["width"] <= WIDEST_PX:
                images[row["style"]].append((row["pixel_hash"], row["image"]["bytes"]))
        for kept in images.values():
            kept[:] = sorted(kept)[:count]
    out.mkdir(parents=True, exist_ok=True)
    counts = {}
    for style, found in sorted(images.items()):
        chosen = [np.asarray(Image.open(io.BytesIO(data))) for _, data in found]
        Image.fromarray(_sheet(chosen)).save(out / f"{style}.png")
        counts[style] = len(chosen)
    return counts


def _sheet(images: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """One uint8 image (H, W): the given ones row by row."""
    width = max(image.shape[1] for image in images) + GAP_PX
    bands = []
    for start in range(0, len(images), COLUMNS):
        row = images[start : start + COLUMNS]
        band = np.full((max(image.shape[0] for image in row) + GAP_PX, COLUMNS * width), PAPER, np.uint8)
        for place, image in enumerate(row):
            band[: image.shape[0], place * width : place * width + image.shape[1]] = image
        bands.append(band)
    return np.vstack(bands)
