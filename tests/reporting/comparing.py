"""Small projects to be compared: judged predictions on disk, and what a run publishes beside them."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from im2latex.dataset.shards import ShardWriter
from im2latex.images.arrays import encode_png
from im2latex.io.parquet import write_table
from im2latex.metrics.score_predictions import score_predictions
from im2latex.metrics.summary import EvaluateParams, split_metrics, summarize_splits
from im2latex.schemas import PREDICTIONS, SAMPLES
from tests.fakes import FakeRenderer
from tests.metrics.drawings import drawing

REFERENCES = [f"a ^ {{ {number} }} + b" for number in range(60)]


def predictions(hypotheses: dict[int, str], first: int = 0, last: int = 60) -> pa.Table:
    """What a model wrote that reads all but a few of the references."""
    rows = [
        {
            "formula_id": f"{number:032x}",
            "split": "test",
            "input": "image",
            "reference": REFERENCES[number],
            "hypothesis": hypotheses.get(number, REFERENCES[number]),
        }
        for number in range(first, last)
    ]
    return pa.Table.from_pylist(rows, schema=PREDICTIONS)


def wrong(*numbers: int) -> dict[int, str]:
    """Hypotheses with wrong tokens, of which one does not typeset."""
    return {number: r"\broken" if number == 7 else f"a _ {{ {number} }} - c" for number in numbers}


def write_project(folder: Path, table: pa.Table, dataset: str = "5c1e", **params: Any) -> Path:
    """A finished run: samples, metrics, parameters, a ledger and the images of the test split."""
    scores = score_predictions(table, FakeRenderer())
    write_table(scores, folder / "data" / "evaluate" / "scores.parquet")
    metrics, evaluation = split_metrics(summarize_splits(scores, EvaluateParams(resamples=50)))
    write_json(folder / "reports" / "metrics.json", metrics)
    write_json(folder / "reports" / "evaluation.json", evaluation)
    write_json(folder / "reports" / "manifest" / "bucket.json", {"dataset": {"hash": dataset}})
    write_ledger(folder, kept=90)
    (folder / "params.yaml").write_text(yaml.safe_dump({"train": {"seed": 1, **params}}))
    image = {"bytes": encode_png(drawing("#.", "##")), "path": None}
    sample = {"source_id": None, "group": None, "style": "base", "tokens": [4], "bucket": 0, "width": 2, "height": 2}
    rows = [
        sample | {"formula_id": row["formula_id"], "latex": row["reference"], "image": image}
        for row in table.to_pylist()
    ]
    writer = ShardWriter(folder / "data" / "bucket", "test", rows=40)
    writer.add(pa.Table.from_pylist(rows, schema=SAMPLES))
    writer.close()
    return folder


def write_ledger(folder: Path, kept: int) -> None:
    """The ledger of one stage that saw 100 records."""
    write_json(folder / "reports" / "ledger" / "filter.json", {"seen": 100, "kept": kept, "dropped": 100 - kept})


def write_json(path: Path, content: object) -> None:
    """One file with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
