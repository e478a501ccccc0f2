"""Labels to a folder of shards in one go: for benchmarks, and for held-out sets that are no part of the dataset.

writes  <folder>/<split>/shard-NNNNN.parquet   records.SAMPLES, in order of the labels that were drawn
        <folder>/buckets.json                  shapes of their own, around all of them

Nothing is filtered but labels that cannot be drawn: those come back, so that a score can count them as wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import joblib
import pyarrow as pa

from im2latex.dataset.buckets import BucketParams
from im2latex.dataset.sharded_dataset import write_rows
from im2latex.dataset.vocabulary import Vocabulary
from im2latex.errors import InputError
from im2latex.parallel.process_guard import delayed
from im2latex.parallel.workers import worker_count
from im2latex.rendering.dataset_images import DatasetRenderer
from im2latex.types import Split
from pipeline.project_renderer import RenderStageParams

PART_ROWS = 500
_IMAGE = ("width", "height", "image")


@dataclass(frozen=True, slots=True)
class Label:
    """What is drawn, and the tokens, separated by one space, that a reader of the image should write."""

    drawn: str
    reference: str


def write_labelled(
    labels: Sequence[Label],
    vocabulary: Vocabulary,
    folder: Path,
    split: Split,
    render: RenderStageParams,
    bucket: BucketParams,
) -> dict[int, str]:
    """Draw every label on all cores and write the shards; returns the reason for each number that has no image.

    The column `formula_id` holds the number of the label, so that a label may stand in a set twice. Raises
    `InputError` where none can be drawn.
    """
    work = DatasetRenderer(render.renderer, render.image)
    starts = range(0, len(labels), PART_ROWS)
    parts = [[label.drawn for label in labels[start : start + PART_ROWS]] for start in starts]
    drawn = pa.concat_tables(joblib.Parallel(n_jobs=worker_count())(delayed(work)(part) for part in parts)).to_pylist()
    refused = {number: row["reason"] for number, row in enumerate(drawn) if row["reason"]}
    kept = [number for number in range(len(labels)) if number not in refused]
    if not kept:
        raise InputError(f"none of {len(labels)} labels can be drawn: the first is refused as {refused.get(0)}")
    rows = [
        {"formula_id": str(number), "latex": labels[number].reference}
        | {"tokens": vocabulary.encode(labels[number].reference.split())}
        | {name: drawn[number][name] for name in _IMAGE}
        for number in kept
    ]
    write_rows({split: rows}, folder, bucket)
    return refused
