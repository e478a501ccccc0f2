"""Labelled images that are fit to train on and to be judged by.

reads   data/normalize/part-NNNNN.parquet     texts
        data/render/part-NNNNN.parquet        sizes and pixel hashes
        data/tokenize/labels.parquet          schemas.LABELS
writes  data/filter/kept.parquet              schemas.KEPT, in input order
"""

import pandas as pd
import pyarrow as pa

from im2latex.dataset.filters import FilterParams, apply_filters
from im2latex.io.parquet import read_parts, read_table, write_table
from im2latex.schemas import KEPT
from pipeline.paths import DATA
from pipeline.stage import Stage, StageRun


def work(run: StageRun[FilterParams]) -> None:
    """Judge every labelled image."""
    texts = read_parts(DATA / "normalize", ["formula_id", "source_id", "latex"]).to_pandas()
    images = read_parts(DATA / "render", ["formula_id", "style", "pixel_hash", "width", "height"]).to_pandas()
    labels = read_table(DATA / "tokenize" / "labels.parquet").to_pandas()
    labels["length"] = labels.pop("tokens").map(len)
    samples: pd.DataFrame = images.merge(labels, on="formula_id", validate="m:1").merge(
        texts, on="formula_id", validate="m:1"
    )
    run.ledger.add_seen(len(images))
    reasons = apply_filters(samples, run.params)
    kept = samples[reasons == ""]
    run.ledger.add_kept(len(kept))
    dropped = samples[reasons != ""]
    for row, reason in zip(dropped.to_dict("records"), reasons[dropped.index], strict=True):
        detail = f"{row['length']} tokens, {row['width']}x{row['height']} px, style {row['style']}, in {row['split']}"
        source_id = None if pd.isna(row["source_id"]) else row["source_id"]
        run.ledger.drop(row["formula_id"], source_id, reason, detail)
    write_table(pa.Table.from_pandas(kept[KEPT.names], schema=KEPT, preserve_index=False), run.out / "kept.parquet")


STAGE = Stage("filter", FilterParams, work)

if __name__ == "__main__":
    STAGE.main()
