"""One split of the dataset in memory.

reads  <data>/<split>/shard-*.parquet (schemas.SAMPLES) and <data>/buckets.json

The images are decoded once, by threads, into one flat buffer; labels stay lists of token ids.
"""

import io
from collections.abc import Sequence
from copy import copy
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.errors import ArtifactError
from im2latex.images.arrays import PAPER
from im2latex.parallel.process_pool import worker_count
from im2latex.types import Shape, Split

_IMAGES_PER_TASK = 256  # enough that scheduling a task costs nothing beside decoding


class InMemoryDataset:
    """The columns of one split as lists, its images as one flat uint8 buffer.

    The image of sample i has `sizes[i]` pixels (h, w); its rows follow each other in `pixels`, from `starts[i]` on.
    Raises `ArtifactError` where a sample is larger than the shape of its bucket.
    """

    tokens: Sequence[Sequence[int]]

    def __init__(self, folder: Path, split: Split) -> None:
        # Imported here, because prediction of single images uses this module without shards.
        import joblib

        from im2latex.dataset.buckets import load_shapes
        from im2latex.dataset.shards import read_shards

        self.shapes = [Shape(*map(int, shape)) for shape in load_shapes(folder / "buckets.json")]
        columns = ["formula_id", "latex", "tokens", "bucket", "image"]
        self.ids: list[str] = []
        self.latex: list[str] = []
        tokens: list[list[int]] = []
        self.bucket: list[int] = []
        images: list[NDArray[np.uint8]] = []
        # Threads are enough: decoding releases the interpreter lock, and processes would have to send the pixels back.
        pool = joblib.Parallel(n_jobs=worker_count(), prefer="threads")
        for table in read_shards(folder, split, columns):
            self.ids += table["formula_id"].to_pylist()
            self.latex += table["latex"].to_pylist()
            tokens += table["tokens"].to_pylist()
            self.bucket += table["bucket"].to_pylist()
            encoded = [row["bytes"] for row in table["image"].to_pylist()]
            tasks = [encoded[start : start + _IMAGES_PER_TASK] for start in range(0, len(encoded), _IMAGES_PER_TASK)]
            for decoded in pool(joblib.delayed(_decode_all)(task) for task in tasks):
                images += decoded
        self.tokens = tokens
        self.sizes: list[tuple[int, int]] = [(image.shape[0], image.shape[1]) for image in images]
        self.starts = np.cumsum([0, *(image.size for image in images)])[:-1]
        self.pixels = np.concatenate([np.empty(0, np.uint8), *(image.ravel() for image in images)])
        self._check_sizes()

    def __len__(self) -> int:
        return len(self.ids)

    def image(self, index: int) -> Tensor:
        """The image (h, w) of a sample as it is stored, without padding."""
        return torch.from_numpy(self.array(index))

    def array(self, index: int) -> NDArray[np.uint8]:
        """The image (h, w) of a sample as an array."""
        height, width = self.sizes[index]
        start = self.starts[index]
        return self.pixels[start : start + height * width].reshape(height, width)

    def _check_sizes(self) -> None:
        for index, bucket in enumerate(self.bucket):
            shape, (height, width) = self.shapes[bucket], self.sizes[index]
            if height > shape.height or width > shape.width or len(self.tokens[index]) > shape.tokens:
                raise ArtifactError(f"sample {self.ids[index]} does not fit its {shape}; run `dvc repro bucket`")


def largest_sample(dataset: InMemoryDataset) -> InMemoryDataset:
    """A dataset of one blank sample, as large as any of `dataset` may be: in pixels, and in tokens."""
    largest = max(dataset.shapes, key=lambda shape: shape.height * shape.width)
    height, width, length = largest.height, largest.width, max(shape.tokens for shape in dataset.shapes)
    one = copy(dataset)
    one.ids, one.latex, one.bucket, one.shapes = ["largest"], [""], [0], [Shape(height, width, length)]
    one.tokens, one.sizes = [[Vocabulary.unk] * length], [(height, width)]
    one.starts, one.pixels = np.zeros(1, np.int64), np.full(height * width, PAPER, np.uint8)
    return one


def decode_png(png: bytes) -> NDArray[np.uint8]:
    """PNG bytes of a shard to grayscale pixels (h, w), 255 paper."""
    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        return np.asarray(image if image.mode == "L" else image.convert("L"))


def _decode_all(encoded: list[bytes]) -> list[NDArray[np.uint8]]:
    return [decode_png(png) for png in encoded]
