"""Where the model looked, as the predict stage kept it.

reads   <data>/predict/attention.parquet   records.ATTENTION
"""

from pathlib import Path

import numpy as np

from im2latex.records import read_table
from im2latex.reporting.findings import Look
from im2latex.reporting.pictures import stored_picture


def read_looks(path: Path, density: float) -> tuple[Look, ...]:
    """The samples in the order in which they were drawn; none where a model that tells no attention was asked."""
    looks = []
    for row in read_table(path).to_pylist():
        page = stored_picture(row["page"]["bytes"], density)
        if page is not None:
            maps = np.array(row["maps"], np.float32).reshape(len(row["tokens"]), row["rows"], row["columns"])
            looks.append(Look(row["formula_id"], page, tuple(row["tokens"]), maps))
    return tuple(looks)
