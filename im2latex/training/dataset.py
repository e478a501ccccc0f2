"""One split of the data set in memory, and the collate function that pads samples of one bucket to a batch of tensors.

reads  <data>/<split>/shard-*.parquet (schemas.SAMPLES) and <data>/buckets.json

The images are decoded once, by threads, into one flat buffer; labels stay lists of token ids.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from im2latex.dataset.vocabulary import Vocabulary
from im2latex.errors import ArtifactError
from im2latex.parallel.workers import worker_count
from im2latex.types import Split

PAPER = 255
_IMAGES_PER_TASK = 256  # enough that scheduling a task costs nothing beside decoding


@dataclass(frozen=True, slots=True)
class Shape:
    """Size of a bucket: largest height and width in pixels, largest number of tokens without marks."""

    height: int
    width: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Images uint8 (B, 1, H, W), 255 paper; token ids (B, T) with begin mark, end mark and padding; B formula ids."""

    images: Tensor
    tokens: Tensor
    ids: list[str]


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


def collate(
    dataset: InMemoryDataset, indices: list[int], generator: torch.Generator | None = None, tokens_step: int = 1
) -> Batch:
    """Pad samples of one bucket to a batch; images are placed at random by `generator`, centred without."""
    shape = dataset.shapes[dataset.bucket[indices[0]]]
    images = np.full((len(indices), 1, shape.height, shape.width), PAPER, dtype=np.uint8)
    offsets = image_offsets(dataset, indices, generator).tolist()
    for padded, index, (top, left) in zip(images, indices, offsets, strict=True):
        height, width = dataset.sizes[index]
        padded[0, top : top + height, left : left + width] = dataset.array(index)
    tokens = pad_tokens(dataset, indices, tokens_step)
    return Batch(torch.from_numpy(images), tokens, [dataset.ids[index] for index in indices])


def image_offsets(dataset: InMemoryDataset, indices: list[int], generator: torch.Generator | None) -> Tensor:
    """Row and column of the top left corner of each image in its padded image: int64 (B, 2).

    Drawn uniformly from all offsets at which the whole image fits; without `generator` the image is centred.
    """
    shape = dataset.shapes[dataset.bucket[indices[0]]]
    free = torch.tensor([shape.height, shape.width]) - torch.tensor([dataset.sizes[index] for index in indices])
    if generator is None:
        return free // 2
    return (torch.rand(free.shape, generator=generator) * (free + 1)).long()


def pad_tokens(dataset: InMemoryDataset, indices: list[int], step: int = 1) -> Tensor:
    """The labels (B, T) between begin and end mark, padded to the longest, rounded up to a multiple of `step`."""
    length = -(-(max(len(dataset.tokens[index]) for index in indices) + 2) // step) * step
    tokens = np.full((len(indices), length), Vocabulary.pad, dtype=np.int64)
    for row, index in zip(tokens, indices, strict=True):
        label = dataset.tokens[index]
        row[0] = Vocabulary.bos
        row[1 : len(label) + 1] = label
        row[len(label) + 1] = Vocabulary.eos
    return torch.from_numpy(tokens)


def pad_to_bucket(shapes: Sequence[Shape], image: NDArray[np.uint8]) -> Tensor:
    """Centre an image (h, w) in the smallest shape that it fits, as a batch of one (1, 1, H, W).

    An image larger than every shape is padded to multiples of 16 rows and 32 columns.
    """
    height, width = image.shape
    fitting = [(s.height, s.width) for s in shapes if s.height >= height and s.width >= width]
    size = min(fitting, key=lambda size: size[0] * size[1], default=(-(-height // 16) * 16, -(-width // 32) * 32))
    padded = torch.full((1, 1, *size), PAPER, dtype=torch.uint8)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    padded[0, 0, top : top + height, left : left + width] = torch.from_numpy(np.array(image))
    return padded


def decode_png(png: bytes) -> NDArray[np.uint8]:
    """PNG bytes of a shard to grayscale pixels (h, w), 255 paper."""
    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        return np.asarray(image if image.mode == "L" else image.convert("L"))


def _decode_all(encoded: list[bytes]) -> list[NDArray[np.uint8]]:
    return [decode_png(png) for png in encoded]
