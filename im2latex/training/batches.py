"""Shards to batches of tensors.

reads  <data>/<split>/shard-*.parquet (records.SAMPLES) and <data>/buckets.json

The images of a split are decoded once into one flat buffer. A batch holds samples of one shape, as many as the
pixel and token budgets allow; every epoch cuts all samples into batches anew, each sample exactly once. Batches are
put together here in the processor's memory; `feed` puts the same ones together on an accelerator.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field
from torch import Tensor

from im2latex.config import Params
from im2latex.dataset.buckets import load_shapes
from im2latex.dataset.vocabulary import Vocabulary
from im2latex.errors import ArtifactError
from im2latex.parallel.workers import worker_count
from im2latex.types import Split


class BatchParams(Params):
    """How much goes into one batch; the tightest of the three limits holds, and one sample always goes in."""

    max_images: int = Field(ge=1, description="most images in a batch")
    max_pixels: int = Field(ge=512, description="most pixels in a batch, padding included")
    max_tokens: int = Field(ge=8, description="most tokens in a batch, padding included")
    tokens_step: int = Field(
        default=1, ge=1, description="labels of a batch are padded to a multiple of this, marks included"
    )


@dataclass(frozen=True, slots=True)
class Shape:
    """Room for an image and its tokens; sizes in pixels."""

    height: int
    width: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Images uint8 (B, 1, H, W), 255 paper; token ids (B, T) with begin mark, end mark and padding; B formula ids."""

    images: Tensor
    tokens: Tensor
    ids: list[str]


class Samples:
    """One split in memory: its columns as lists, its images as one flat uint8 buffer.

    The image of sample i has `sizes[i]` pixels (h, w) and lies row by row in `pixels` from `starts[i]` on.
    """

    tokens: Sequence[Sequence[int]]

    def __init__(self, folder: Path, split: Split) -> None:
        # Imported here, because prediction of single images uses this module without shards.
        import joblib

        from im2latex.dataset.shards import read_shards

        self.shapes = [Shape(*map(int, shape)) for shape in load_shapes(folder / "buckets.json")]
        columns = ["formula_id", "latex", "tokens", "bucket", "image"]
        self.ids: list[str] = []
        self.latex: list[str] = []
        tokens: list[list[int]] = []
        self.bucket: list[int] = []
        images: list[NDArray[np.uint8]] = []
        # Threads do: unpacking leaves the interpreter free, and processes would have to send the pixels back.
        pool = joblib.Parallel(n_jobs=worker_count(), prefer="threads")
        for table in read_shards(folder, split, columns):
            self.ids += table["formula_id"].to_pylist()
            self.latex += table["latex"].to_pylist()
            tokens += table["tokens"].to_pylist()
            self.bucket += table["bucket"].to_pylist()
            coded = [row["bytes"] for row in table["image"].to_pylist()]
            parts = [coded[start : start + _DECODED_AT_ONCE] for start in range(0, len(coded), _DECODED_AT_ONCE)]
            for decoded in pool(joblib.delayed(_decode_all)(part) for part in parts):
                images += decoded
        self.tokens = tokens
        self.sizes: list[tuple[int, int]] = [(image.shape[0], image.shape[1]) for image in images]
        self.starts = np.cumsum([0, *(image.size for image in images)])[:-1]
        self.pixels = np.concatenate([np.empty(0, np.uint8), *(image.ravel() for image in images)])
        self._check()

    def __len__(self) -> int:
        return len(self.ids)

    def image(self, index: int) -> Tensor:
        """The image (h, w) as stored, without padding."""
        return torch.from_numpy(self.array(index))

    def array(self, index: int) -> NDArray[np.uint8]:
        """The same as an array."""
        height, width = self.sizes[index]
        start = self.starts[index]
        return self.pixels[start : start + height * width].reshape(height, width)

    def _check(self) -> None:
        for index, bucket in enumerate(self.bucket):
            shape, (height, width) = self.shapes[bucket], self.sizes[index]
            if height > shape.height or width > shape.width or len(self.tokens[index]) > shape.tokens:
                raise ArtifactError(f"sample {self.ids[index]} does not fit its {shape}; run `dvc repro bucket`")


def decode(png: bytes) -> NDArray[np.uint8]:
    """PNG bytes to grayscale pixels (h, w), 255 paper."""
    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        return np.asarray(image if image.mode == "L" else image.convert("L"))


_DECODED_AT_ONCE = 256  # images: enough that handing them to a thread costs nothing beside decoding them


def _decode_all(coded: list[bytes]) -> list[NDArray[np.uint8]]:
    return [decode(png) for png in coded]


class Epochs:
    """An endless sequence of batches, epoch after epoch; each epoch holds every sample exactly once."""

    def __init__(self, samples: Samples, params: BatchParams, seed: int) -> None:
        self._samples, self._params, self._seed = samples, params, seed
        self._length = len(plan(samples, params))
        self._epoch, self._batches = -1, list[list[int]]()

    def __getitem__(self, position: int) -> list[int]:
        """The samples of a batch by its place in the sequence; only the current epoch is kept."""
        epoch, place = divmod(position, self._length)
        if epoch != self._epoch:
            self._epoch, self._batches = epoch, plan(self._samples, self._params, [self._seed, epoch])
        return self._batches[place]


BATCHES_OF_LIKE_LENGTH = 4
"""Batches that are cut from one window of samples sorted by label length; `benchmarks.buckets` measures the gain."""


def plan(
    samples: Samples, params: BatchParams, seed: list[int] | None = None, chosen: list[int] | None = None
) -> list[list[int]]:
    """Cut all samples, or those `chosen`, into batches of one shape, each sample exactly once.

    Samples and batches are shuffled from `seed`, and samples of like length brought together; without, all stay in
    order.
    """
    generator = np.random.default_rng(seed)
    indices = np.arange(len(samples)) if chosen is None else np.array(chosen, dtype=np.int64)
    order = indices if seed is None else generator.permutation(indices)
    groups: dict[int, list[int]] = {}
    for index in order.tolist():
        groups.setdefault(samples.bucket[index], []).append(index)
    batches: list[list[int]] = []
    for bucket in sorted(groups):
        size = batch_size(samples.shapes[bucket], params)
        if seed is not None:
            groups[bucket] = _by_length(groups[bucket], samples, size * BATCHES_OF_LIKE_LENGTH)
        batches += [groups[bucket][start : start + size] for start in range(0, len(groups[bucket]), size)]
    return batches if seed is None else [batches[index] for index in generator.permutation(len(batches))]


def _by_length(indices: list[int], samples: Samples, window: int) -> list[int]:
    """Each window of the order sorted by label length, so that batches cut from it pad few tokens."""
    windows = (indices[start : start + window] for start in range(0, len(indices), window))
    return [index for part in windows for index in sorted(part, key=lambda index: len(samples.tokens[index]))]


def batch_size(shape: Shape, params: BatchParams) -> int:
    """How many samples of `shape` fill a batch; the begin and end marks count as tokens."""
    by_pixels = params.max_pixels // (shape.height * shape.width)
    by_tokens = params.max_tokens // (shape.tokens + 2)
    return max(1, min(params.max_images, by_pixels, by_tokens))


def collate(
    samples: Samples, indices: list[int], placing: torch.Generator | None = None, tokens_step: int = 1
) -> Batch:
    """Pad samples of one shape to a batch; images lie at random places from `placing`, centred without."""
    shape = samples.shapes[samples.bucket[indices[0]]]
    images = np.full((len(indices), 1, shape.height, shape.width), 255, dtype=np.uint8)
    for page, index, (top, left) in zip(images, indices, corners(samples, indices, placing).tolist(), strict=True):
        height, width = samples.sizes[index]
        page[0, top : top + height, left : left + width] = samples.array(index)
    tokens = pad_tokens(samples, indices, tokens_step)
    return Batch(torch.from_numpy(images), tokens, [samples.ids[index] for index in indices])


def corners(samples: Samples, indices: list[int], placing: torch.Generator | None) -> Tensor:
    """Where the top left corners of images lie on the page of their batch: int64 (B, 2), row and column.

    Each is drawn evenly from all places at which the whole image is on the page; without `placing` it is centred.
    """
    shape = samples.shapes[samples.bucket[indices[0]]]
    room = torch.tensor([shape.height, shape.width]) - torch.tensor([samples.sizes[index] for index in indices])
    if placing is None:
        return room // 2
    return (torch.rand(room.shape, generator=placing) * (room + 1)).long()


def pad_tokens(samples: Samples, indices: list[int], step: int = 1) -> Tensor:
    """The labels (B, T) between begin and end mark, padded to the longest of them and then to a multiple of `step`."""
    length = -(-(max(len(samples.tokens[index]) for index in indices) + 2) // step) * step
    tokens = np.full((len(indices), length), Vocabulary.pad, dtype=np.int64)
    for row, index in zip(tokens, indices, strict=True):
        label = samples.tokens[index]
        row[0] = Vocabulary.bos
        row[1 : len(label) + 1] = label
        row[len(label) + 1] = Vocabulary.eos
    return torch.from_numpy(tokens)


def page_of(shapes: Sequence[Shape], image: NDArray[np.uint8]) -> Tensor:
    """An image (h, w) in the middle of the smallest shape it fits, as a batch of one (1, 1, H, W).

    One larger than every shape gets a page of about its own size.
    """
    height, width = image.shape
    fitting = [(s.height, s.width) for s in shapes if s.height >= height and s.width >= width]
    room = min(fitting, key=lambda size: size[0] * size[1], default=(-(-height // 16) * 16, -(-width // 32) * 32))
    page = torch.full((1, 1, *room), 255, dtype=torch.uint8)
    top, left = (room[0] - height) // 2, (room[1] - width) // 2
    page[0, 0, top : top + height, left : left + width] = torch.from_numpy(np.array(image))
    return page
