"""What the model reads in pictures it was not trained on, and in blank paper.

reads   data/train/                           the checkpoint
        data/bucket/<split>/                  held-out shards
writes  data/predict/predictions.parquet      records.PREDICTIONS
"""

from collections.abc import Iterator

import pyarrow as pa
from tqdm import tqdm

from im2latex.dataset.shards import read_dataset
from im2latex.errors import ArtifactError
from im2latex.learning.predict import PredictParams, predict
from im2latex.records import PREDICTIONS, Split, write_table
from pipeline.stage import DATA, Run, run_stage

HELD_OUT: tuple[Split, ...] = ("test", "val")


def work(run: Run[PredictParams]) -> None:
    """Read every held-out picture; then the test split once more with the pictures blanked."""
    dataset = read_dataset(DATA / "bucket")
    expected = {split: dataset["samples"][split] for split in HELD_OUT if dataset["samples"][split]}
    if "test" not in expected:
        raise ArtifactError("data/bucket: the test split is empty; raise params.yaml: normalize.split.test")
    run.ledger.see(sum(expected.values()))
    rows = list(tqdm(_read(run.params, list(expected)), desc="predict", unit="picture", disable=None, delay=2))
    run.ledger.keep(sum(row["input"] == "picture" for row in rows))
    write_table(pa.Table.from_pylist(rows, schema=PREDICTIONS), run.out / "predictions.parquet")
    run.facts["dataset"] = dataset["hash"]


def _read(params: PredictParams, splits: list[Split]) -> Iterator[dict[str, object]]:
    checkpoint, shards = DATA / "train", DATA / "bucket"
    for split in splits:
        yield from predict(checkpoint, shards, split, params)
    yield from predict(checkpoint, shards, "test", params, blank=True)


if __name__ == "__main__":
    run_stage("predict", PredictParams, work, ("torch", "numpy", "pyarrow"))
