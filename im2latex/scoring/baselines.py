"""Predictions that need no model and no picture: what a score is worth is seen beside them.

`empty` predicts nothing; `most_frequent` predicts one training formula for every picture.
"""

from collections import Counter
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from im2latex.errors import InputError
from im2latex.records import PREDICTIONS

PICTURE = "picture"
"""The `input` of rows where the model was shown the picture."""

BLANK = "blank"
"""The `input` of rows where the model was shown empty paper."""

EMPTY = "empty"
MOST_FREQUENT = "most_frequent"
BASELINES = (EMPTY, MOST_FREQUENT)


def most_frequent(formulas: Iterable[str]) -> str:
    """The formula that occurs most often, the first in order of characters where several do."""
    counts = Counter(formulas)
    if not counts:
        raise InputError("no training formula to take the most frequent one of; the training split is empty")
    return min(counts, key=lambda formula: (-counts[formula], formula))


def with_baselines(predictions: pa.Table, frequent: str) -> pa.Table:
    """Append to PREDICTIONS the rows of the baselines, one for each picture and baseline."""
    pictures = predictions.filter(pc.equal(predictions["input"], PICTURE))
    rows = pictures.num_rows
    tables = [predictions]
    for name, guess in ((EMPTY, ""), (MOST_FREQUENT, frequent)):
        columns = {column: pictures[column] for column in ("formula_id", "split", "reference")}
        columns |= {"input": pa.array([name] * rows, pa.string()), "hypothesis": pa.array([guess] * rows, pa.string())}
        columns |= {"log_probability": pa.nulls(rows, pa.float32())}
        tables.append(pa.table([columns[column] for column in PREDICTIONS.names], schema=PREDICTIONS))
    return pa.concat_tables(tables)
