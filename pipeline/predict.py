"""Predictions for held-out images and for blank images.

reads   data/train/                           the checkpoint
        data/bucket/<split>/                  held-out shards
        params.yaml: render                   how to draw, where hypotheses are compared by their images
writes  data/predict/predictions.parquet      schemas.PREDICTIONS
        data/predict/hypotheses.parquet       schemas.HYPOTHESES, where more than one is found
        data/predict/attention.parquet        schemas.ATTENTION, of a few samples
"""

import random

import pyarrow as pa
import pyarrow.compute as pc
from tqdm import tqdm

from im2latex.config import load_section
from im2latex.dataset.shards import read_dataset, read_images
from im2latex.decoding.rerank import RenderReranker
from im2latex.engines.torch_engine import TorchEngine, choose_device
from im2latex.errors import ArtifactError
from im2latex.images.decode import decode_png
from im2latex.inference.attention_maps import attention_rows
from im2latex.inference.predict_split import PredictParams, predict_samples, predict_split
from im2latex.io.parquet import write_table
from im2latex.metrics.baselines import IMAGE
from im2latex.schemas import ATTENTION, PREDICTIONS
from im2latex.training.checkpoint import load_checkpoint, read_recipe
from im2latex.types import Split
from pipeline.paths import DATA
from pipeline.project_renderer import RenderStageParams, project_renderer
from pipeline.stage import Stage, StageRun

HELD_OUT: tuple[Split, ...] = ("test", "val")
CHECKPOINT, SHARDS = DATA / "train", DATA / "bucket"

_SEED = 0
"""Decides which samples' attention is kept: a fair sample, and the same for every model."""


def work(run: StageRun[PredictParams]) -> None:
    """Read every held-out image; then the test split once more with the images blanked."""
    params = run.params.for_preset(read_recipe(CHECKPOINT).get("preset"))
    run.facts["params"] = params.model_dump(mode="json")
    dataset = read_dataset(SHARDS)
    expected: dict[Split, int] = {split: dataset["samples"][split] for split in HELD_OUT if dataset["samples"][split]}
    if "test" not in expected:
        raise ArtifactError("data/bucket: the test split is empty; raise params.yaml: normalize.split.test")
    run.ledger.add_seen(sum(expected.values()))
    reranker = _reranker() if params.rerank == "render" else None
    found = [predict_split(CHECKPOINT, SHARDS, split, params, reranker) for split in expected]
    blank = predict_samples(CHECKPOINT, SHARDS, "test", params, blank=True)
    rows = [one.row("test", "blank") for one in tqdm(blank, desc="blank", unit="image", disable=None, delay=2)]
    predictions = [one.predictions for one in found] + [pa.Table.from_pylist(rows, schema=PREDICTIONS)]
    run.ledger.add_kept(sum(one.num_images for one in found))
    write_table(pa.concat_tables(predictions), run.out / "predictions.parquet")
    if params.beam > 1:
        write_table(pa.concat_tables(one.hypotheses for one in found), run.out / "hypotheses.parquet")
    write_table(_attention(predictions[0], params), run.out / "attention.parquet")
    run.facts["dataset"] = dataset["hash"]


def _attention(predictions: pa.Table, params: PredictParams) -> pa.Table:
    """Attention maps of a few random images of the test split with a prediction."""
    rows = predictions.filter(pc.equal(predictions["input"], IMAGE)).to_pylist()
    read = {row["formula_id"]: row["hypothesis"] for row in rows if row["hypothesis"]}
    drawn = random.Random(_SEED).sample(sorted(read), min(params.attention, len(read)))
    images = read_images(SHARDS, "test", drawn)
    checkpoint = load_checkpoint(CHECKPOINT)
    engine = TorchEngine(checkpoint.network.to(choose_device(params.device)))
    found = attention_rows(engine, checkpoint.config, [(name, decode_png(images[name]), read[name]) for name in drawn])
    return pa.Table.from_pylist(list(found), schema=ATTENTION)


def _reranker() -> RenderReranker:
    """Drawing as the render stage draws the base look."""
    image = load_section("render", RenderStageParams).image
    return RenderReranker(project_renderer(), image, progress=True)


STAGE = Stage("predict", PredictParams, work, ("torch", "numpy", "pyarrow"))

if __name__ == "__main__":
    STAGE.main()
