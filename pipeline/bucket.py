"""Kept samples, each in the smallest of a few shapes, to Parquet shards.

reads   data/normalize/, data/render/         texts and images, a part at a time
        data/tokenize/labels.parquet          token ids
        data/filter/kept.parquet              schemas.KEPT
writes  data/bucket/<split>/shard-NNNNN.parquet   schemas.SAMPLES, in input order
        data/bucket/buckets.json              the shapes
        data/bucket/dataset.json              logical dataset hash, counts, padding efficiency
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from im2latex.dataset.buckets import BucketParams, Ints, assign, choose_shapes, efficiency, save_shapes
from im2latex.dataset.queries import QUERY_ROW_GROUP, stream_query
from im2latex.dataset.shards import IDENTITIES, ShardWriter, dataset_hash
from im2latex.errors import InputError
from im2latex.io.parquet import TableWriter, read_table, stream_table
from im2latex.schemas import KEPT, LABELS, SAMPLES
from im2latex.types import SPLITS
from pipeline.parts import open_rows, rendered_parts
from pipeline.paths import DATA
from pipeline.stage import Stage, StageRun

_KEY = ["formula_id", "style"]
_SIZE = ["height", "width", "length"]
_KEPT = DATA / "filter" / "kept.parquet"
SIZES = f"SELECT {', '.join(_SIZE)}, count(*) AS samples FROM kept GROUP BY ALL ORDER BY {', '.join(_SIZE)}"


def work(run: StageRun[BucketParams]) -> None:
    """Choose the shapes, then gather texts, tokens and images part by part."""
    with run.scratch() as scratch:
        sizes, counts = _sizes(scratch)
        run.ledger.add_seen(int(counts.sum()))
        shapes = choose_shapes(sizes, run.params, counts)
        save_shapes(shapes, run.out / "buckets.json")
        identities = scratch / "identities.parquet"
        samples = _write_shards(run, shapes, identities)
        content = {
            "hash": dataset_hash(identities, scratch),
            "samples": samples,
            "shapes": len(shapes),
            "efficiency": efficiency(sizes, shapes, assign(sizes, shapes, run.params), counts),
        }
    (run.out / "dataset.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    run.facts["dataset"] = content


def _sizes(scratch: Path) -> tuple[Ints, Ints]:
    """The different sizes (N, 3) of all samples, and how many have each (N,); raises `InputError` where none has."""
    for _ in stream_table(_KEPT, _SIZE):
        pass  # reading verifies the checksums, which DuckDB does not
    found = [table.to_pandas().to_numpy(dtype=np.int64) for table in stream_query(SIZES, scratch, kept=_KEPT)]
    if not found:
        raise InputError("the filters left no sample; widen the limits in params.yaml: filter")
    rows = np.concatenate(found)
    return rows[:, :3], rows[:, 3]


def _write_shards(run: StageRun[BucketParams], shapes: Ints, identities: Path) -> dict[str, int]:
    """Write all shards, and what the logical hash covers; returns the number of samples of each split."""
    counts: dict[str, int] = dict.fromkeys(SPLITS, 0)
    writers: dict[str, ShardWriter] = {split: ShardWriter(run.out, split, run.params.shard_rows) for split in SPLITS}
    with TableWriter(identities, IDENTITIES, QUERY_ROW_GROUP) as hashed:
        for part in _samples(shapes, run.params):
            for split, rows in part.groupby("split", sort=False):
                writers[str(split)].add(pa.Table.from_pandas(rows[SAMPLES.names], schema=SAMPLES, preserve_index=False))
                counts[str(split)] += len(rows)
            hashed.add(pa.Table.from_pandas(part[IDENTITIES.names], schema=IDENTITIES, preserve_index=False))
            run.ledger.add_kept(len(part))
    for writer in writers.values():
        writer.close()
    return counts


def _samples(shapes: Ints, params: BucketParams) -> Iterator[pd.DataFrame]:
    """The kept samples of each file of images, in order, each with its text, tokens and bucket."""
    all_kept = open_rows(_KEPT, KEPT.names, KEPT)
    all_labels = open_rows(DATA / "tokenize" / "labels.parquet", ["formula_id", "tokens"], LABELS)
    for path, files in rendered_parts():
        texts = read_table(path, ["formula_id", "source_id", "group", "latex"])
        kept = all_kept.take_among(texts["formula_id"]).to_pandas()
        labels = all_labels.take_among(texts["formula_id"]).to_pandas()
        kept["bucket"] = assign(kept[_SIZE].to_numpy(dtype=np.int64), shapes, params).astype(np.int16)
        chosen = kept.merge(labels, on="formula_id", validate="m:1").set_index(_KEY)
        for file in files:
            part: pd.DataFrame = read_table(file).to_pandas().merge(texts.to_pandas(), on="formula_id", validate="m:1")
            yield part.join(chosen[["split", "bucket", "tokens"]], on=_KEY, how="inner")


STAGE = Stage("bucket", BucketParams, work)

if __name__ == "__main__":
    STAGE.main()
