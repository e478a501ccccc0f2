"""Candidates, resumption and measures of the search for optimizers of the presets."""

import json
from pathlib import Path

import pytest
import torch

from benchmarks.harness import RESULTS
from benchmarks.preset_search import Run, append_row, best_candidates, image_dependence, overrides, read_rows
from im2latex.config import check
from im2latex.dataset.vocabulary import Vocabulary
from im2latex.errors import UsageError
from im2latex.models.decoders.transformer import DecoderLayer
from im2latex.models.model import ModelParams, Network
from im2latex.models.presets import preset_names
from im2latex.training.collate import Batch
from tests.toy_fixtures import SMALL_MODEL


def test_a_candidate_sets_optimizer_rates_and_batch_norm() -> None:
    muon = Run("seq2seq-attention-cnn-small", "muon@0.004", 10).params()
    assert (muon.optimizer.hidden, muon.optimizer.hidden_learning_rate, muon.optimizer.learning_rate) == (
        "muon",
        0.004,
        0.002,
    )
    normed = Run("wygiwys-small", "adamw+norm@0.001", 10).params()
    assert normed.optimizer.hidden == "adamw"
    assert normed.model.encoder.name == "row-lstm"
    assert all(layer.norm for layer in normed.model.encoder.layers)
    aided = Run("wygiwys-small", "muon+norm+ctc@0.004", 10).params()
    assert aided.ctc_weight > 0
    assert aided.model.ctc_head
    assert aided.model.encoder.name == "row-lstm"
    assert all(layer.norm for layer in aided.model.encoder.layers)
    assert Run("resnet-transformer-small", "preset", 10).params().budget.samples == 10
    with pytest.raises(UsageError):
        overrides("wygiwys-small", "lion@0.1")


def test_a_search_that_was_killed_repeats_only_the_unfinished_run(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    append_row(path, {"preset": "a", "candidate": "muon@0.004", "samples": 5, "bleu": 0.1})
    path.write_text(path.read_text() + '{"preset": "a", "cand')
    append_row(path, {"preset": "a", "candidate": "muon@0.008", "samples": 5, "bleu": 0.2})
    rows = read_rows(path)
    assert [row["candidate"] for row in rows] == ["muon@0.004", "muon@0.008"]
    assert Run("a", "muon@0.008", 5).is_done(rows)
    assert not Run("a", "muon@0.008", 9).is_done(rows)
    assert best_candidates(rows, "a", 9, 1) == ["muon@0.008"]


def test_image_dependence_is_zero_where_the_image_is_ignored() -> None:
    torch.manual_seed(0)
    network = Network(check(SMALL_MODEL, ModelParams, "model"), 10)
    torch.manual_seed(1)
    images = torch.randint(0, 256, (2, 1, 16, 32), dtype=torch.uint8)
    batch = Batch(images, torch.tensor([[Vocabulary.bos, 5, 6, Vocabulary.eos]] * 2), [0, 1])
    assert image_dependence(network, [batch])["image_dependence"] > 0
    for layer in network.decoder.modules():
        if isinstance(layer, DecoderLayer):
            torch.nn.init.zeros_(layer.cross_attention.output.weight)
    assert image_dependence(network, [batch])["image_dependence"] == 0


@pytest.mark.parametrize("results", sorted(RESULTS.glob("presets-scores*.json")), ids=lambda path: path.stem)
def test_every_measured_preset_predicts_from_the_image(results: Path) -> None:
    for name, found in json.loads(results.read_text(encoding="utf-8"))["presets"].items():
        assert found["val_bleu"] >= max(0.1, 10 * found["val_bleu_blank"]), name


def test_every_small_preset_was_measured() -> None:
    measured = json.loads((RESULTS / "presets-scores.json").read_text(encoding="utf-8"))["presets"]
    assert {"fast-tiny", *(name for name in preset_names() if name.endswith("-small"))} <= measured.keys()
