"""Parallel rendering of packed labels into one pixel file: python -m recipes.gpu_10min.render DATA WORK

reads          DATA/labels.npz, vocabulary.json, buckets.json; params.yaml: render
reads, writes  WORK/pixels.u8     pixels of all images, concatenated, uint8, 255 is paper
               WORK/pixels.next   offset of the next chunk of images
               WORK/rows.i64      image index, offset, height, width in order of completion; 0 x 0: failed

Image index `k * N + label` is the label in its k-th style: all labels are rendered once before any is rendered again.
A row is appended after its pixels, so a reader may use every complete row. A later call resumes with the images that
have no row.
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
from im2latex.parallel.parent_death_signal import delayed
from im2latex.parallel.process_pool import worker_count
from im2latex.rendering.dataset_images import render_dataset_images
from im2latex.rendering.styles import all_styles, create_renderer
from pipeline.project_renderer import RenderStageParams
from recipes.gpu_10min.labels import Labels

CHUNK = 250
"""Labels that a worker renders at a time, all in one style: every chunk starts TeX once."""
BLOCK = 20_000
"""Labels that are grouped by style before they are split into chunks."""
PIXELS, NEXT, ROWS = "pixels.u8", "pixels.next", "rows.i64"
COLUMNS = 4
_NICENESS = 10
"""Lower priority than the training, which shares the cores."""

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class RenderChunk:
    """Task of a worker: render one chunk, write its pixels to the file and return its rows."""

    stage: RenderStageParams
    work: Path
    max_size: tuple[int, int]

    def __call__(self, style: int, indices: Sequence[int], latex: Sequence[str]) -> bytes:
        """Return the rows as bytes; images larger than `max_size` (h, w) count as failed."""
        rows = np.zeros((len(indices), COLUMNS), dtype=np.int64)
        rows[:, 0] = indices
        images: list[bytes] = []
        size = 0
        render_style = all_styles(self.stage.renderer, self.stage.styles)[style]
        renderer, image = create_renderer(render_style.renderer), render_style.image_params(self.stage.image)
        for row, rendering in enumerate(render_dataset_images(renderer, latex, image)):
            pixels = rendering.pixels
            if pixels is None:
                continue
            height, width = pixels.shape
            if height <= self.max_size[0] and width <= self.max_size[1]:
                rows[row, 1:] = size, height, width
                images.append(pixels.tobytes())
                size += pixels.size
        start = _reserve(self.work / NEXT, size)
        with (self.work / PIXELS).open("r+b") as file:
            file.seek(start)
            file.write(b"".join(images))
        rows[:, 1] += start
        return rows.tobytes()


def read_rows(work: Path, first: int = 0) -> Ints:
    """The complete rows (N, 4), from row `first` on."""
    path = work / ROWS
    if not path.is_file():
        return np.empty((0, COLUMNS), dtype=np.int64)
    with path.open("rb") as file:
        file.seek(8 * COLUMNS * first)
        content = file.read()
    whole = len(content) // (8 * COLUMNS) * COLUMNS
    return np.frombuffer(content, dtype=np.int64, count=whole).reshape(-1, COLUMNS)


def _reserve(path: Path, size: int) -> int:
    """Reserve `size` pixels for this process; returns their offset."""
    with path.open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        start = int(file.read() or 0)
        file.seek(0)
        file.write(str(start + size).encode())
    return start


def main(data: Path, work: Path) -> None:
    """Render the images that have no row yet."""
    os.nice(_NICENESS)
    labels = Labels.load(data)
    work.mkdir(parents=True, exist_ok=True)
    for name in (PIXELS, NEXT):
        (work / name).touch()
    rows = read_rows(work)
    _truncate(work / ROWS, len(rows))
    done = np.zeros(labels.styles.size, dtype=np.bool_)
    done[rows[:, 0]] = True
    shapes = load_shapes(data / "buckets.json")
    stage = load_section("render", RenderStageParams)
    render_chunk = RenderChunk(stage, work, (int(shapes[:, 0].max()), int(shapes[:, 1].max())))
    workers = max(1, worker_count() - 1)  # one core is left to the training
    pool = joblib.Parallel(n_jobs=workers, return_as="generator_unordered", pre_dispatch="3*n_jobs")
    chunks = _chunks(labels, done)
    with (work / ROWS).open("ab", buffering=0) as file:
        for new_rows in pool(delayed(render_chunk)(*chunk) for chunk in chunks):
            file.write(new_rows)


def _chunks(labels: Labels, done: NDArray[np.bool_]) -> Iterator[tuple[int, list[int], list[str]]]:
    """Style, image indices and LaTeX of each chunk: held-out labels first, then one pass over all labels per style."""
    held_out = labels.held_out
    for k in range(labels.styles.shape[1]):
        pending = ~done[k * len(labels) : (k + 1) * len(labels)]
        first = np.flatnonzero(pending & held_out) if k == 0 else np.empty(0, dtype=np.int64)
        others = np.flatnonzero(pending & ~held_out)
        for block in (first, *(others[start : start + BLOCK] for start in range(0, len(others), BLOCK))):
            styles = labels.styles[block, k]
            for style in np.unique(styles).tolist():
                same_style: list[int] = block[styles == style].tolist()
                for start in range(0, len(same_style), CHUNK):
                    chunk = same_style[start : start + CHUNK]
                    latex = [labels.latex(index) for index in chunk]
                    yield style, [k * len(labels) + index for index in chunk], latex


def _truncate(path: Path, rows: int) -> None:
    """Remove the incomplete row that a killed process left."""
    if path.is_file():
        os.truncate(path, 8 * COLUMNS * rows)


if __name__ == "__main__":
    typer.run(main)
