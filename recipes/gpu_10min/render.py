"""Parallel rendering of packed labels into one pixel file: python -m recipes.gpu_10min.render DATA WORK

reads          DATA/labels.npz, vocabulary.json, buckets.json; params.yaml: render
reads, writes  WORK/pixels.u8     images row by row, one after the other, uint8, 255 paper
               WORK/pixels.next   where the next chunk of images goes
               WORK/rows.i64      image, first pixel, height, width of each image, as they come; 0 x 0: not drawn

Image `pass * N + label` is the label in its style number `pass`: all labels are drawn once before any is drawn again.
A reader that maps the file takes every complete row of rows.i64: its pixels are there. A call that finds files goes on
with the images that have no row yet.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import joblib
import numpy as np
import typer
from numpy.typing import NDArray

from im2latex.config import load_section
from im2latex.dataset.buckets import load_shapes
from im2latex.parallel.process_guard import delayed
from im2latex.parallel.workers import worker_count
from im2latex.rendering.dataset_images import render_dataset_images
from im2latex.rendering.styles import all_styles, create_renderer
from pipeline.project_renderer import RenderStageParams
from recipes.gpu_10min.labels import Labels

CHUNK = 250
"""Labels that a process draws at a time, all in one style: each call of TeX starts anew."""
BLOCK = 20_000
"""Labels that are sorted by style before they are cut into chunks."""
PIXELS, NEXT, ROWS = "pixels.u8", "pixels.next", "rows.i64"
COLUMNS = 4
_NICENESS = 10
"""The training, which shares the cores, goes first."""

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Drawing:
    """The work on one chunk: image numbers and texts to rows, and pixels to the file."""

    stage: RenderStageParams
    work: Path
    most: tuple[int, int]

    def __call__(self, style: int, numbers: Sequence[int], texts: Sequence[str]) -> bytes:
        """The rows of the chunk as bytes; images larger than `most` (h, w) count as not drawn."""
        rows = np.zeros((len(numbers), COLUMNS), dtype=np.int64)
        rows[:, 0] = numbers
        images: list[bytes] = []
        size = 0
        rendered = all_styles(self.stage.renderer, self.stage.styles)[style]
        renderer, image = create_renderer(rendered.renderer), rendered.image_params(self.stage.image)
        for place, rendering in enumerate(render_dataset_images(renderer, texts, image)):
            pixels = rendering.pixels
            if pixels is None:
                continue
            height, width = pixels.shape
            if height <= self.most[0] and width <= self.most[1]:
                rows[place, 1:] = size, height, width
                images.append(pixels.tobytes())
                size += pixels.size
        start = _reserved(self.work / NEXT, size)
        with (self.work / PIXELS).open("r+b") as file:
            file.seek(start)
            file.write(b"".join(images))
        rows[:, 1] += start
        return rows.tobytes()


def read_rows(work: Path, first: int = 0) -> Ints:
    """The complete rows (N, 4) that are there, from the row `first` on."""
    path = work / ROWS
    if not path.is_file():
        return np.empty((0, COLUMNS), dtype=np.int64)
    with path.open("rb") as file:
        file.seek(8 * COLUMNS * first)
        content = file.read()
    whole = len(content) // (8 * COLUMNS) * COLUMNS
    return np.frombuffer(content, dtype=np.int64, count=whole).reshape(-1, COLUMNS)


def _reserved(path: Path, size: int) -> int:
    """The first of `size` pixels that no other process gets."""
    with path.open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        start = int(file.read() or 0)
        file.seek(0)
        file.write(str(start + size).encode())
    return start


def main(data: Path, work: Path) -> None:
    """Draw what has not been drawn."""
    os.nice(_NICENESS)
    labels = Labels.load(data)
    work.mkdir(parents=True, exist_ok=True)
    for name in (PIXELS, NEXT):
        (work / name).touch()
    rows = read_rows(work)
    _cut(work / ROWS, len(rows))
    drawn = np.zeros(labels.styles.size, dtype=np.bool_)
    drawn[rows[:, 0]] = True
    shapes = load_shapes(data / "buckets.json")
    stage = load_section("render", RenderStageParams)
    drawing = Drawing(stage, work, (int(shapes[:, 0].max()), int(shapes[:, 1].max())))
    workers = max(1, worker_count() - 1)  # one core is the training's
    pool = joblib.Parallel(n_jobs=workers, return_as="generator_unordered", pre_dispatch="3*n_jobs")
    chunks = _chunks(labels, drawn)
    with (work / ROWS).open("ab", buffering=0) as file:
        for found in pool(delayed(drawing)(*chunk) for chunk in chunks):
            file.write(found)


def _chunks(labels: Labels, drawn: NDArray[np.bool_]) -> Iterator[tuple[int, list[int], list[str]]]:
    """Style, images and texts of some labels at a time: those to validate on first, then pass after pass."""
    held_out = labels.held_out
    for turn in range(labels.styles.shape[1]):
        due = ~drawn[turn * len(labels) : (turn + 1) * len(labels)]
        first = np.flatnonzero(due & held_out) if turn == 0 else np.empty(0, dtype=np.int64)
        others = np.flatnonzero(due & ~held_out)
        for block in (first, *(others[start : start + BLOCK] for start in range(0, len(others), BLOCK))):
            styles = labels.styles[block, turn]
            for style in np.unique(styles).tolist():
                alike: list[int] = block[styles == style].tolist()
                for start in range(0, len(alike), CHUNK):
                    part = alike[start : start + CHUNK]
                    texts = [labels.text(number) for number in part]
                    yield style, [turn * len(labels) + number for number in part], texts


def _cut(path: Path, rows: int) -> None:
    """Remove what a kill left of a row."""
    if path.is_file():
        os.truncate(path, 8 * COLUMNS * rows)


if __name__ == "__main__":
    typer.run(main)
