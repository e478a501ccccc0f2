"""Labelled images that are fit to train on and to be judged by.

reads   data/normalize/part-NNNNN.parquet     texts
        data/render/part-NNNNN.parquet        sizes and pixel hashes
        data/tokenize/labels.parquet          schemas.LABELS
writes  data/filter/kept.parquet              schemas.KEPT, in input order
"""

from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import pandas as pd
import pyarrow as pa

from im2latex.dataset.filters import CANDIDATES, FilterParams, apply_filters
from im2latex.io.parquet import TableWriter, read_table
from im2latex.schemas import KEPT, LABELS
from pipeline.parts import open_rows, read_images, rendered_parts
from pipeline.paths import DATA
from pipeline.stage import Stage, StageRun


def samples() -> Iterator[pd.DataFrame]:
    """The labelled images of each part, with their texts."""
    labels = open_rows(DATA / "tokenize" / "labels.parquet", LABELS.names, LABELS)
    for path, files in rendered_parts():
        texts = read_table(path, ["formula_id", "source_id", "latex"])
        images = read_images(files, ["formula_id", "style", "pixel_hash", "width", "height"]).to_pandas()
        own = labels.take_among(texts["formula_id"]).to_pandas()
        own["length"] = own.pop("tokens").map(len)
        joined: pd.DataFrame = images.merge(own, on="formula_id", validate="m:1")
        yield joined.merge(texts.to_pandas(), on="formula_id", validate="m:1")


def work(run: StageRun[FilterParams]) -> None:
    """Judge every labelled image."""
    schema = _kept(CANDIDATES.empty_table().to_pandas()).schema  # with the description that pandas adds
    with run.scratch() as scratch, TableWriter(run.out / "kept.parquet", schema) as writer:
        for judged in apply_filters(samples(), run.params, scratch):
            run.ledger.add_seen(len(judged))
            kept = _kept(judged)
            run.ledger.add_kept(kept.num_rows)
            writer.add(kept)
            for row in judged[judged["reason"] != ""].to_dict("records"):
                _drop(run, row)


def _kept(judged: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(judged.loc[judged["reason"] == "", KEPT.names], schema=KEPT, preserve_index=False)


def _drop(run: StageRun[FilterParams], row: Mapping[Hashable, Any]) -> None:
    size = f"{row['width']}x{row['height']} px"
    detail = f"{row['length']} tokens, {size}, style {row['style']}, in {row['split']}"
    source_id = None if pd.isna(row["source_id"]) else row["source_id"]
    run.ledger.drop(row["formula_id"], source_id, row["reason"], detail)


STAGE = Stage("filter", FilterParams, work)

if __name__ == "__main__":
    STAGE.main()
