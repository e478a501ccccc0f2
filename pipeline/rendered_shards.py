"""Rendered shards: labels to a folder of shards in one call, for benchmarks and held-out sets outside of the dataset.

writes  <folder>/<split>/shard-NNNNN.parquet   schemas.SAMPLES, in order of the labels that were rendered
        <folder>/buckets.json                  bucket shapes chosen for all of them

No label is filtered but those that cannot be rendered; they are returned, so that a score can count them as wrong.
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
from im2latex.parallel.parent_death_signal import delayed
from im2latex.parallel.process_pool import worker_count
from im2latex.rendering.dataset_images import DatasetRenderer
from im2latex.types import Split
from pipeline.project_renderer import RenderStageParams

PART_ROWS = 500
_IMAGE = ("width", "height", "image")


@dataclass(frozen=True, slots=True)
class Label:
    """The formula that is rendered, and the tokens, separated by one space, that a prediction should have."""

    drawn: str
    reference: str


def write_rendered_shards(
    labels: Sequence[Label],
    vocabulary: Vocabulary,
    folder: Path,
    split: Split,
    render: RenderStageParams,
    bucket: BucketParams,
) -> dict[int, str]:
    """Render every label on all cores and write the shards; returns the reason for each label without an image.

    The column `formula_id` holds the number of the label, so that a set may contain a label twice. Raises
    `InputError` where no label can be rendered.
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
