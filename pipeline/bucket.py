"""Kept samples, each in the smallest of a few shapes, to Parquet shards.

reads   data/normalize/, data/render/         texts and images, a part at a time
        data/tokenize/labels.parquet          token ids
        data/filter/kept.parquet              schemas.KEPT
writes  data/bucket/<split>/shard-NNNNN.parquet   schemas.SAMPLES, in input order
        data/bucket/buckets.json              the shapes
        data/bucket/dataset.json              logical dataset hash, counts, padding efficiency
"""

import json

import numpy as np
import pandas as pd
import pyarrow as pa

from im2latex.dataset.buckets import BucketParams, assign, choose_shapes, efficiency, save_shapes
from im2latex.dataset.shards import ShardWriter, dataset_hash
from im2latex.errors import InputError
from im2latex.io.parquet import part_paths, read_table
from im2latex.schemas import SAMPLES
from im2latex.types import SPLITS
from pipeline.paths import DATA
from pipeline.stage import Stage, StageRun

_KEY = ["formula_id", "style"]


def work(run: StageRun[BucketParams]) -> None:
    """Choose the shapes, then gather texts, tokens and images part by part."""
    kept = read_table(DATA / "filter" / "kept.parquet").to_pandas()
    run.ledger.add_seen(len(kept))
    if kept.empty:
        raise InputError("the filters left no sample; widen the limits in params.yaml: filter")
    sizes = kept[["height", "width", "length"]].to_numpy(dtype=np.int64)
    shapes = choose_shapes(sizes, run.params)
    kept["bucket"] = assign(sizes, shapes, run.params).astype(np.int16)
    labels = read_table(DATA / "tokenize" / "labels.parquet", ["formula_id", "tokens"]).to_pandas()
    chosen = kept.merge(labels, on="formula_id", validate="m:1").set_index(_KEY)
    save_shapes(shapes, run.out / "buckets.json")
    rows = _write_shards(run, chosen)
    content = {
        "hash": dataset_hash(rows),
        "samples": {split: int((chosen["split"] == split).sum()) for split in SPLITS},
        "shapes": len(shapes),
        "efficiency": efficiency(sizes, shapes, kept["bucket"].to_numpy(dtype=np.int64)),
    }
    (run.out / "dataset.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    run.facts["dataset"] = content


def _write_shards(run: StageRun[BucketParams], chosen: pd.DataFrame) -> list[tuple[str, str, str, str]]:
    """Write all shards; returns what the logical hash covers."""
    writers: dict[str, ShardWriter] = {split: ShardWriter(run.out, split, run.params.shard_rows) for split in SPLITS}
    hashed: list[tuple[str, str, str, str]] = []
    for path in part_paths(DATA / "render"):
        images = read_table(path).to_pandas()
        formulas = DATA / "normalize" / f"{path.name.partition('.')[0]}.parquet"
        texts = read_table(formulas, ["formula_id", "source_id", "group", "latex"]).to_pandas()
        part = images.merge(texts, on="formula_id", validate="m:1")
        part = part.join(chosen[["split", "bucket", "tokens"]], on=_KEY, how="inner")
        for split, rows in part.groupby("split", sort=False):
            writers[str(split)].add(pa.Table.from_pandas(rows[SAMPLES.names], schema=SAMPLES, preserve_index=False))
        hashed += zip(part["formula_id"], part["split"], part["pixel_hash"], part["latex"], strict=True)
        run.ledger.add_kept(len(part))
    for writer in writers.values():
        writer.close()
    return hashed


STAGE = Stage("bucket", BucketParams, work)

if __name__ == "__main__":
    STAGE.main()
