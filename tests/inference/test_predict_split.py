import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from im2latex.config import check, project_section
from im2latex.dataset.vocabulary import SPECIALS, Vocabulary
from im2latex.decoding.rerank import RenderReranker
from im2latex.errors import ParamsError, UsageError
from im2latex.images.arrays import ImageParams, crop
from im2latex.inference.predict_split import PredictParams, evaluate_split, predict_samples, predict_split
from im2latex.io.parquet import read_table
from im2latex.metrics.baselines import IMAGE, SEARCH_ALONE
from im2latex.models.model import ModelParams, Network
from im2latex.rendering.renderer import Rendering
from im2latex.schemas import HYPOTHESES, PREDICTIONS
from im2latex.training.checkpoint import Checkpoint, save_checkpoint
from im2latex.training.dataset import MemoryMappedDataset
from im2latex.training.sampler import BatchParams
from im2latex.types import Shape
from tests.fakes import FakeRenderer
from tests.toy_fixtures import model, network, recipe, shards, values, vocabulary  # noqa: F401  fixtures

BEAM = {"beam": 4, "device": "cpu"}
AS_DRAWN = ImageParams(downsample=1, padding_px=0)


@pytest.fixture
def trained(network: Network, model: ModelParams, vocabulary: Vocabulary, tmp_path: Path) -> Path:  # noqa: F811
    """Fresh weights that now and then write an end mark, so that a beam finds several formulas."""
    with torch.no_grad():
        network.decoder.get_parameter("embedding.weight").mul_(0.1)
    checkpoint = Checkpoint(network, model, vocabulary, [Shape(16, 32, 4), Shape(32, 64, 8)], "a1", {}, {})
    save_checkpoint(checkpoint, tmp_path / "checkpoint")
    return tmp_path / "checkpoint"


class Oracle(FakeRenderer):
    """Draws the image of the sample for one of the hypotheses that were found in it."""

    def __init__(self, known: dict[str, np.ndarray]) -> None:
        self.known = known

    def render(self, formulas: Sequence[str]) -> list[Rendering]:
        return [
            Rendering(self.known[formula]) if formula in self.known else self._draw(formula) for formula in formulas
        ]


def test_without_reranking_the_first_hypothesis_is_the_prediction(trained: Path, shards: Path) -> None:  # noqa: F811
    found = predict_split(trained, shards, "val", check(BEAM, PredictParams, "test"))
    assert found.predictions.schema == PREDICTIONS
    assert found.hypotheses.schema == HYPOTHESES
    assert set(found.predictions["input"].to_pylist()) == {IMAGE}
    first = [row for row in found.hypotheses.to_pylist() if row["rank"] == 0]
    assert [row["hypothesis"] for row in first] == found.predictions["hypothesis"].to_pylist()
    assert all(row["chosen"] == (row["rank"] == 0) for row in found.hypotheses.to_pylist())
    assert found.hypotheses["same_image"].null_count == found.hypotheses.num_rows > found.num_images == 10


def test_the_hypothesis_that_matches_the_image_is_selected(trained: Path, shards: Path) -> None:  # noqa: F811
    plain = predict_split(trained, shards, "val", check(BEAM, PredictParams, "test"))
    samples = MemoryMappedDataset(shards, "val")
    wanted = {row["formula_id"]: row for row in plain.hypotheses.to_pylist() if row["rank"] == 1}
    one = samples.ids[4]
    image = crop(samples.array(4))
    reranker = RenderReranker(Oracle({wanted[one]["hypothesis"]: image}), AS_DRAWN)
    found = predict_split(trained, shards, "val", check(BEAM | {"rerank": "render"}, PredictParams, "test"), reranker)
    rows = [row for row in found.predictions.to_pylist() if row["formula_id"] == one]
    chosen = {row["input"]: row for row in rows}
    assert chosen[IMAGE]["hypothesis"] == wanted[one]["hypothesis"]
    assert chosen[IMAGE]["log_probability"] == wanted[one]["log_probability"], "it stays the model's own"
    alone = found.predictions.filter([value == SEARCH_ALONE for value in found.predictions["input"].to_pylist()])
    assert alone["hypothesis"].to_pylist() == plain.predictions["hypothesis"].to_pylist()
    (judged,) = [row for row in found.hypotheses.to_pylist() if row["formula_id"] == one and row["chosen"]]
    assert (judged["rank"], judged["same_image"], judged["column_edits"]) == (1, True, 0)


def test_a_checkpoint_reads_shards_of_another_vocabulary(
    network: Network,  # noqa: F811
    model: ModelParams,  # noqa: F811
    shards: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    torch.manual_seed(1)
    other = Vocabulary([*SPECIALS, "z", "y", "f", "e", "d", "c", "b", "a"])
    checkpoint = Checkpoint(Network(model, len(other)).eval(), model, other, [Shape(32, 64, 8)], "b2", {}, {})
    save_checkpoint(checkpoint, tmp_path / "other")
    out = tmp_path / "predictions.parquet"
    params = check(BEAM | {"rerank": "render", "grammar": True}, PredictParams, "test")
    scores = evaluate_split(
        tmp_path / "other", shards, "val", out, params, RenderReranker(FakeRenderer(), AS_DRAWN), FakeRenderer()
    )
    table = read_table(out)
    assert sorted(set(table["reference"].to_pylist())) == sorted(set(MemoryMappedDataset(shards, "val").latex))
    assert scores["n"] == 10 == scores[SEARCH_ALONE]["n"]
    assert {"bleu", "image_exact", "compiles"} <= scores.keys() & scores[SEARCH_ALONE].keys()
    json.dumps(scores)
    assert read_table(tmp_path / "predictions.hypotheses.parquet").num_rows >= 10


def test_options_go_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(**options: object) -> PredictParams:
        return project_section(PredictParams, "predict", options=options)

    monkeypatch.chdir(tmp_path)
    assert asked(beam=None).beam == 1
    (tmp_path / "params.yaml").write_text("predict: {beam: 4, grammar: true}\n", encoding="utf-8")
    assert asked() == PredictParams(beam=4, grammar=True)
    assert asked(beam=6, rerank="render") == PredictParams(beam=6, grammar=True, rerank="render")
    with pytest.raises(ParamsError, match="beam = 1 gives only one"):
        asked(beam=1, rerank="render")


BATCHES = BatchParams(max_images=3, max_pixels=10_000, max_tokens=100)


@pytest.fixture
def untrained(network: Network, model: ModelParams, vocabulary: Vocabulary, tmp_path: Path) -> Path:  # noqa: F811
    checkpoint = Checkpoint(network, model, vocabulary, [Shape(16, 32, 4), Shape(32, 64, 8)], "a1", {}, {})
    save_checkpoint(checkpoint, tmp_path)
    return tmp_path


@pytest.mark.parametrize("width", [1, 2])
def test_one_prediction_per_sample_whatever_the_batches(untrained: Path, shards: Path, width: int) -> None:  # noqa: F811
    params = PredictParams(batches=BATCHES, beam=width, device="cpu")
    found = list(predict_samples(untrained, shards, "val", params))
    samples = MemoryMappedDataset(shards, "val")
    assert sorted(one.formula_id for one in found) == sorted(samples.ids)
    assert {one.reference for one in found} == set(samples.latex)
    alone = params.model_copy(update={"batches": BATCHES.model_copy(update={"max_images": 1})})
    best = {one.formula_id: one.hypotheses[0][0] for one in found}
    for one in predict_samples(untrained, shards, "val", alone):
        assert one.hypotheses[0][0] == best[one.formula_id]


def test_blank_images_of_one_shape_have_the_same_prediction(untrained: Path, shards: Path) -> None:  # noqa: F811
    params = PredictParams(batches=BATCHES, beam=1, device="cpu")
    rows = [one.row("val", "blank") for one in predict_samples(untrained, shards, "val", params, blank=True)]
    assert {row["input"] for row in rows} == {"blank"}
    assert len({row["hypothesis"] for row in rows}) <= 2
    assert len(rows) == 10


def test_predictions_are_written_as_the_suffix_says(trained: Path, shards: Path, tmp_path: Path) -> None:  # noqa: F811
    params, reranker = check(BEAM, PredictParams, "test"), RenderReranker(FakeRenderer(), AS_DRAWN)
    for name in ("found.csv", "found.parquet"):
        evaluate_split(trained, shards, "val", tmp_path / name, params, reranker, None)
    for stem in ("found", "found.hypotheses"):
        table = pq.read_table(tmp_path / f"{stem}.parquet")
        with (tmp_path / f"{stem}.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["hypothesis"] for row in rows] == table["hypothesis"].to_pylist()
        assert list(rows[0]) == table.column_names
    with pytest.raises(UsageError, match="found.txt: tables are written as .parquet or .csv"):
        evaluate_split(trained, shards, "val", tmp_path / "found.txt", params, reranker, None)
