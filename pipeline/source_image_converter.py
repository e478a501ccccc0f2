"""Images that the dataset brings, to the form in which the dataset stores them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa

from im2latex.dataset.source_images import crop_source_image, read_source_image
from im2latex.errors import ImageError, InputError
from im2latex.images.arrays import ImageParams, to_dataset_image
from im2latex.images.sandboxed_decoder import decode_images
from im2latex.rendering.dataset_images import DATASET_IMAGES, image_row


@dataclass(frozen=True)
class SourceImageConverter:
    """Converts source images, each named by its SHA-256 and its path, to DATASET_IMAGES."""

    dataset: Path
    image: ImageParams

    def __call__(self, images: Sequence[str]) -> pa.Table:
        """Read each image and convert it like a rendering, or record the reason why it is refused."""
        rows: list[dict[str, object]] = []
        identity = self.image.model_dump_json()
        named = [text.split(" ", 1) for text in images]
        decoded = decode_images(self._read(digest, path) for digest, path in named)
        for (digest, path), image in zip(named, decoded, strict=True):
            try:
                pixels = to_dataset_image(crop_source_image(image, path), self.image)
                rows.append(image_row(pixels, f"{identity}\0{digest}"))
            except ImageError as error:
                rows.append({"reason": error.reason, "detail": error.detail})
        return pa.Table.from_pylist(rows, schema=DATASET_IMAGES)

    def _read(self, digest: str, path: str) -> bytes | ImageError:
        """The file of an image, or why there is none; raises `InputError` where it has changed."""
        try:
            data = read_source_image(self.dataset, path)
        except ImageError as error:
            return error
        if hashlib.sha256(data).hexdigest() != digest:
            raise InputError(f"{path}: changed while the dataset was being read; run the same command again")
        return data

    def cache_key(self) -> dict[str, object]:
        """Everything except files and code that decides the images; the strings of a part contain the files' hashes."""
        return {"image": self.image.model_dump(mode="json"), "tools": [version("pillow"), version("deflate")]}

    def named(self, paths: Sequence[str]) -> list[str]:
        """The strings of a part for the images at these paths; reads them all: a changed file makes another part."""
        return [f"{_digest(self.dataset, path)} {path}" for path in paths]


def _digest(dataset: Path, path: str) -> str:
    try:
        return hashlib.sha256(read_source_image(dataset, path)).hexdigest()
    except ImageError as error:
        return error.reason
