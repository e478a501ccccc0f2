"""Where the model looked, as the predict stage kept it.

reads   <data>/predict/attention.parquet   records.ATTENTION
"""

from pathlib import Path

import numpy as np

from im2latex.io.parquet import read_table
from im2latex.reporting.breakdown_model import AttentionMap
from im2latex.reporting.png import stored_image


def read_attention_maps(path: Path, density: float) -> tuple[AttentionMap, ...]:
    """The samples in the order in which they were drawn; none where a model that tells no attention was asked."""
    attention_maps = []
    for row in read_table(path).to_pylist():
        page = stored_image(row["page"]["bytes"], density)
        if page is not None:
            maps = np.array(row["maps"], np.float32).reshape(len(row["tokens"]), row["rows"], row["columns"])
            attention_maps.append(AttentionMap(row["formula_id"], page, tuple(row["tokens"]), maps))
    return tuple(attention_maps)
